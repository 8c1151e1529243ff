"""Results as Markdown."""

import re

from compare import candidates, targets, workloads
from compare.figures import FIGURES, ratio


def number(value, digits):
    """With thin groups of three, as `12 345`."""
    if value is None:
        return "–"
    text = f"{value:,.{digits}f}".replace(",", " ")
    return "0" + text[2:] if text.startswith("-0") and not text.strip("-0.") else text


def measured(results, workload, candidate, key):
    """Median and range of the rounds."""
    values = results.values(workload, candidate, key)
    if not values:
        return "–"
    digits = FIGURES[key].digits
    middle = number(results.median(workload, candidate, key), digits)
    return middle if len(values) == 1 else f"{middle} ({number(min(values), digits)}–{number(max(values), digits)})"


def heading(key):
    figure = FIGURES[key]
    return f"{figure.title}, {figure.unit}" if figure.unit else figure.title


def table(heads, rows):
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def participants(results, workload):
    return [candidate for candidate in results.candidates if results.of(workload, candidate.name)]


# One workload

def workload_section(results, workload):
    taking_part = participants(results, workload.name)
    figures = table(["", *map(heading, workload.shown), "rounds", "bytes checked"], [
        [candidate.name, *(measured(results, workload.name, candidate.name, key) for key in workload.shown),
         _rounds(results, workload.name, candidate.name), _checked(results, workload.name, candidate.name)]
        for candidate in taking_part])
    ratios = table(["", *(_ratio_heading(results, workload.name, key) for key in workload.rated)], [
        [candidate.name, *(_ratios(results, workload.name, candidate.name, key) for key in workload.rated)]
        for candidate in taking_part])
    parts = [f"### {workload.name}: {workload.title}", figures,
             f"Ratios of medians to the best peer · to {candidates.EPOLL} · to direct:", ratios]
    parts += troubles(results, [workload.name])
    return "\n\n".join(parts)


def _rounds(results, workload, candidate):
    runs = results.of(workload, candidate)
    failed = len(results.failures(workload, candidate))
    return f"{len(runs)}, **{failed} FAILED**" if failed else str(len(runs))


def _checked(results, workload, candidate):
    runs = results.of(workload, candidate)
    if any(run.verified is False for run in runs):
        return "**WRONG**"
    told = {run.verified for run in runs if run.error is None}
    return "–" if not told else "yes" if told == {True} else "no"


def _ratio_heading(results, workload, key):
    return f"{FIGURES[key].title} (best peer: {results.best_peer(workload, key) or 'none'})"


def _ratios(results, workload, candidate, key):
    value = results.median(workload, candidate, key)
    references = [results.best_peer(workload, key), candidates.EPOLL, "direct"]
    return " · ".join(number(ratio(value, results.median(workload, reference, key)), 2) for reference in references)


def troubles(results, names):
    """Failed runs and warnings, each told."""
    lines = []
    for name in names:
        for run in results.failures(name):
            lines.append(f"- **FAILED**: {name}, {run.candidate}, round {run.round}: {_one_line(run.error)}")
        for candidate in participants(results, name):
            for text in results.warnings(name, candidate.name):
                lines.append(f"- warning: {name}, {candidate.name}: {_one_line(text)}")
    return ["\n".join(lines)] if lines else []


def _one_line(text, longest=600):
    """Safe within a table or a list."""
    text = re.sub(r"\s+", " ", text).replace("|", "\\|")
    return text if len(text) <= longest else text[:longest] + " …"


# Growth

def growth_section(results, chosen):
    key = "relay_cpu_per_request"
    taking_part = [candidate for candidate in results.candidates
                   if any(results.of(workload.name, candidate.name) for workload in chosen)]
    heads = ["", *(f"{workload.pairs} flow{'s' * (workload.pairs > 1)}" for workload in chosen),
             f"× {chosen[-1].pairs} to {chosen[0].pairs}"]

    def rows(key):
        return [[candidate.name, *(measured(results, workload.name, candidate.name, key) for workload in chosen),
                 number(ratio(results.median(chosen[-1].name, candidate.name, key),
                              results.median(chosen[0].name, candidate.name, key)), 2)]
                for candidate in taking_part]
    parts = ["### growth: requests of 64 B over more and more connections", f"{heading(key)}:",
             table(heads, [row for row in rows(key) if row[0] != "direct"]),
             f"{heading('requests_per_s')}:", table(heads, rows("requests_per_s"))]
    return "\n\n".join(parts + troubles(results, [workload.name for workload in chosen]))


# Targets

def targets_section(results):
    own, judgements = targets.judged(results)
    if not judgements:
        return "## Targets\n\nNone of what was measured has a target, or no Longsplice took part."
    rows = []
    for judgement in judgements:
        target = judgement.target
        digits = FIGURES[target.key].digits
        text = f"{target.workload}: {heading(target.key)}"
        if target.against == "forced":
            text += ", above direct's"
        sign = "≥" if target.more_is_better else "≤"
        unit = " B" if target.against == "absolute" else ""
        bound = f"{target.value:.0f}" if unit else f"{target.value:.2f}"
        beside = "–" if unit else f"{judgement.reference_name} {number(judgement.reference, digits)}"
        rows.append([
            text, number(judgement.own, digits), beside,
            number(judgement.compared, 0 if unit else 2), f"{sign} {bound}{unit}", _word(judgement.reached),
            number(judgement.over_epoll, 2), _word(judgement.epoll_reached)])
    heads = ["", own, "beside", "ratio", "target", "reached", f"× {candidates.EPOLL}",
             f"{targets.EPOLL_TARGET:.2f} or better reached"]
    return f"## Targets\n\nMedians; `{own}` stands for Longsplice.\n\n{table(heads, rows)}"


def _word(reached):
    return {True: "yes", False: "**no**", None: "unknown"}[reached]


# All of it

def document(results):
    machine = results.machine
    versions = "; ".join(f"{name}: {text}" for name, text in machine["versions"].items())
    split = ", relay and loads on processors of their own (--split)" if results.settings.get("split") else ""
    parts = ["# Longsplice beside other relays",
             f"{machine['date']}, Linux {machine['kernel']}, {machine['cores']} cores ({machine['processor']}), "
             f"{results.settings.get('rounds')} rounds of {results.settings.get('seconds')} s, TCP with "
             f"{results.settings.get('congestion')}{split}. {versions}."]
    failures = results.failures()
    if failures:
        parts.append(f"**{len(failures)} of {len(results.runs)} runs FAILED**; each is told below its table.")
    parts += [f"Skipped: {name}: {_one_line(reason)}." for name, reason in results.skipped.items()]
    parts += [targets_section(results), "## Workloads",
              "Medians of the rounds, and their range in brackets.",
              table(["", "candidate"], [[candidate.name, candidate.title] for candidate in results.candidates])]
    growth = [workload for workload in results.workloads if workload in workloads.GROWTH and
              participants(results, workload.name)]
    for workload in results.workloads:
        if workload not in growth and participants(results, workload.name):
            parts.append(workload_section(results, workload))
    if growth:
        parts.append(growth_section(results, growth))
    return "\n\n".join(parts) + "\n"
