"""Rounds in which candidates take turns at cases, and tables of their medians beside a reference.

What `sendfile` and `ttcp` have in common; the arithmetic and the hosts are those of `compare`.
"""

import dataclasses
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from compare import ROOT, campaign, tables
from compare.errors import Failure
from compare.figures import ratio


@dataclass(frozen=True)
class Column:
    key: str
    title: str
    digits: int
    is_rated: bool = False
    """Ratios to the references are told."""


@dataclass
class Turn:
    case: str
    candidate: str
    round: int
    figures: dict
    warnings: list
    error: str | None = None


class Turns:
    def __init__(self, title, columns, references, machine, settings):
        self.title, self.columns, self.references = title, columns, references
        self.machine, self.settings = machine, settings
        self.all = []

    def run(self, cases, candidates, rounds, measure, keep):
        """`measure` is given a case and a candidate and answers figures and warnings; `keep` is called after each case."""
        for case in cases:
            for number in range(rounds):
                for candidate in campaign.order(candidates, number):
                    self._take(case, candidate, number, rounds, measure)
            keep()

    def _take(self, case, candidate, number, rounds, measure):
        started = time.monotonic()
        turn = Turn(case.name, candidate, number + 1, {}, [])
        try:
            turn.figures, turn.warnings = measure(case, candidate)
            said = ", ".join(f"{column.title} {turn.figures[column.key]:.4g}" for column in self.columns[:3])
        except (Failure, RuntimeError, OSError, subprocess.SubprocessError, LookupError, ValueError) as error:
            turn.error = f"{type(error).__name__}: {error}"
            said = f"FAILED: {turn.error}"
        self.all.append(turn)
        campaign.say(f"{case.name}, round {number + 1} of {rounds}, {candidate}: {said} "
                     f"({time.monotonic() - started:.1f} s)")

    def failures(self):
        return [turn for turn in self.all if turn.error]

    def values(self, case, candidate, key):
        return [turn.figures[key] for turn in self.all
                if (turn.case, turn.candidate) == (case, candidate) and not turn.error]

    def median(self, case, candidate, key):
        values = self.values(case, candidate, key)
        return statistics.median(values) if values else None

    # Reports

    def markdown(self):
        parts = [f"# {self.title}",
                 f"{self.machine['date']}, Linux {self.machine['kernel']}, {self.machine['cores']} cores "
                 f"({self.machine['processor']}). Medians of the rounds, and their range in brackets.",
                 "; ".join(f"{name}: {value}" for name, value in self.settings.items()) + "."]
        if self.failures():
            parts.append(f"**{len(self.failures())} of {len(self.all)} runs FAILED**")
        for case in dict.fromkeys(turn.case for turn in self.all):
            parts += self._section(case)
        return "\n\n".join(parts) + "\n"

    def _section(self, case):
        turns = [turn for turn in self.all if turn.case == case]
        names = sorted(dict.fromkeys(turn.candidate for turn in turns), key=self.settings["candidates"].index)
        references = [name for name in self.references if name in names]
        rated = [column for column in self.columns if column.is_rated]
        heads = ["", *(column.title for column in self.columns),
                 *(f"{column.title.partition(',')[0]} × {name}" for name in references for column in rated), "rounds"]
        rows = []
        for name in names:
            row = [name, *(self._measured(case, name, column) for column in self.columns)]
            row += [tables.number(ratio(self.median(case, name, column.key), self.median(case, other, column.key)), 2)
                    for other in references for column in rated]
            failed = sum(1 for turn in turns if turn.candidate == name and turn.error)
            count = sum(1 for turn in turns if turn.candidate == name)
            rows.append([*row, f"{count}, **{failed} FAILED**" if failed else str(count)])
        told = [f"- **FAILED**: {turn.candidate}, round {turn.round}: {' '.join(turn.error.split())[:600]}"
                for turn in turns if turn.error]
        told += dict.fromkeys(f"- warning: {turn.candidate}: {text}" for turn in turns for text in turn.warnings)
        return [f"## {case}", tables.table(heads, rows), *(["\n".join(told)] if told else [])]

    def _measured(self, case, name, column):
        values = self.values(case, name, column.key)
        if not values:
            return "–"
        low, middle, high = (tables.number(value, column.digits)
                             for value in (min(values), statistics.median(values), max(values)))
        return middle if len(values) == 1 else f"{middle} ({low}–{high})"

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.md").write_text(self.markdown())
        (folder / "results.json").write_text(json.dumps({
            "title": self.title, "machine": self.machine, "settings": self.settings,
            "turns": [dataclasses.asdict(turn) for turn in self.all]}, indent=1, ensure_ascii=False))

    def finish(self, folder):
        """The tables on standard output; the exit status."""
        print(self.markdown())
        print(f"written to {folder}", file=sys.stderr)
        return 1 if self.failures() else 0


def folder_for(name):
    """Where results go if nothing else is said."""
    return ROOT / ".build" / "bench" / f"{name}-{time.strftime('%Y-%m-%d-%H%M%S')}"
