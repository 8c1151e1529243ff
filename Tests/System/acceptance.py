"""The acceptance matrix: what was tried how often, per row and engine, and what came of it.

A test stands for a row by `@pytest.mark.matrix("B4")`; each pass is one trial, or as many as the
marker says (`trials=200`), or as many as the test counts itself through the `tally` fixture.
LONGSPLICE_MATRIX=FILE writes the table as Markdown, and as JSON to FILE.json.
"""

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

CONTROLS = ("haproxy", "nginx")


class Tally:
    """What one test counts."""

    def __init__(self):
        self.trials, self.failures, self.notes = 0, 0, []

    def count(self, trials=1, failures=0):
        self.trials += trials
        self.failures += failures

    def note(self, words):
        """A measured figure, to be printed beside the row."""
        self.notes.append(words)


@dataclass
class Row:
    id: str
    engine: str
    trials: int = 0
    failures: int = 0
    seconds: float = 0.0
    skipped: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    complaints: dict = field(default_factory=dict)
    """For each test that failed: how often, and the first line of why."""

    @property
    def remarks(self):
        yield from self.notes
        for test, (times, why) in self.complaints.items():
            yield f"{test}: {why}" + (f" (and {times - 1} more)" if times > 1 else "")
        for why in sorted(set(self.skipped)):
            yield f"skipped: {why}"

    @property
    def bound(self):
        """With 95 % confidence the true rate of failures is below this (the rule of three)."""
        return f"{3 / self.trials:.1e}" if self.trials > 3 and not self.failures else "–"


_TALLY = pytest.StashKey()


class Matrix:
    def __init__(self):
        self.rows, self.started = {}, time.time()

    @pytest.fixture
    def tally(self, request):
        return self._tally(request.node)

    @staticmethod
    def _tally(item):
        return item.stash.setdefault(_TALLY, Tally())

    # Gathering

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        report = outcome.get_result()
        engine = _engine(item)
        for marker in item.iter_markers("matrix"):
            self._account(self._row(marker.args[0], engine), item, marker, report)
        if engine in CONTROLS and report.failed:
            # Whatever another program does is worth a line and fails nothing.
            report.outcome, report.wasxfail = "skipped", f"{engine} fails here: {_first_line(report)}"

    def _row(self, id, engine):
        return self.rows.setdefault((id, engine), Row(id, engine))

    def _account(self, row, item, marker, report):
        tally = self._tally(item)
        row.seconds += report.duration
        if report.failed:
            row.failures += max(1, tally.failures) if report.when == "call" else 1
            times, why = row.complaints.get(item.originalname, (0, _first_line(report)))
            row.complaints[item.originalname] = times + 1, why
        if report.skipped:
            row.skipped.append(_first_line(report))
        elif report.when == "call":
            row.trials += max(tally.trials, marker.kwargs.get("trials", 1))
            row.notes += tally.notes

    # Telling

    def pytest_terminal_summary(self, terminalreporter):
        if not self.rows:
            return
        rows = sorted(self.rows.values(), key=lambda row: (row.id[0], int(row.id[1:]), row.engine))
        terminalreporter.section("acceptance matrix")
        for line in _table(rows):
            terminalreporter.write_line(line)
        if path := os.environ.get("LONGSPLICE_MATRIX"):
            _write(Path(path), rows, self.started)


def _engine(item):
    parameters = getattr(item, "callspec", None)
    chosen = parameters.params if parameters else {}
    return chosen.get("relay") or chosen.get("engine") or "auto"


def _first_line(report):
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    words = crash.message if crash else str(report.longrepr)
    return words.strip().partition("\n")[0][:200]


def _table(rows):
    yield "| id | engine | trials | failures | rate of failures below (95 %) | seconds | remarks |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | --- |"
    for row in rows:
        remarks = "; ".join(row.remarks).replace("|", "/")
        yield (f"| {row.id} | {row.engine} | {row.trials} | {row.failures} | {row.bound} "
               f"| {row.seconds:.0f} | {remarks} |")


def _write(path, rows, started):
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(started))
    uname = os.uname()
    place = f"{when}, Linux {uname.release}, {os.cpu_count()} processors"
    path.write_text("\n".join([f"Acceptance matrix, {place}.", "", *_table(rows), ""]))
    figures = [{**asdict(row), "control": row.engine in CONTROLS} for row in rows]
    path.with_name(path.name + ".json").write_text(
        json.dumps({"when": when, "kernel": uname.release, "rows": figures}, indent=1) + "\n")
