"""Writes what was measured: results.json, results.md, and a plot for each workload."""

import dataclasses
import json

from compare import plots, tables, workloads


def write(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(as_json(results))
    growth = [workload for workload in results.workloads
              if workload in workloads.GROWTH and tables.participants(results, workload.name)]
    pictures = []
    for workload in results.workloads:
        if workload not in growth and tables.participants(results, workload.name):
            (folder / f"{workload.name}.svg").write_text(plots.bars(results, workload))
            pictures.append(workload.name)
    if growth:
        (folder / "growth.svg").write_text(plots.growth(results, growth))
        pictures.append("growth")
    links = "\n".join(f"![{name}]({name}.svg)" for name in pictures)
    (folder / "results.md").write_text(f"{markdown(results)}\n## Plots\n\n{links}\n")


def markdown(results):
    return tables.document(results)


def as_json(results):
    return json.dumps({
        "machine": results.machine, "settings": results.settings, "skipped": results.skipped,
        "candidates": [{"name": candidate.name, "title": candidate.title, "kind": candidate.kind}
                       for candidate in results.candidates],
        "workloads": [{"name": workload.name, "title": workload.title} for workload in results.workloads],
        "runs": [dataclasses.asdict(run) for run in results.runs],
    }, indent=1, ensure_ascii=False)
