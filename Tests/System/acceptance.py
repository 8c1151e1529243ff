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
_NOTE = "matrix"


class Matrix:
    """Trials are noted on the tests' reports, wherever they ran, and added up where the reports come together."""

    def __init__(self):
        self.rows, self.started = {}, time.time()

    @pytest.fixture
    def tally(self, request):
        return self._tally(request.node)

    @staticmethod
    def _tally(item):
        return item.stash.setdefault(_TALLY, Tally())

    # Noting

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        report = outcome.get_result()
        engine = _engine(item)
        for marker in item.iter_markers("matrix"):
            report.user_properties.append((_NOTE, self._note(marker, engine, item, report)))
        if engine in CONTROLS and report.failed:
            # Whatever another program does is worth a line and fails nothing.
            report.outcome, report.wasxfail = "skipped", f"{engine} fails here: {_first_line(report)}"

    def _note(self, marker, engine, item, report):
        """What one phase of a test adds to a row; plain values, which can be sent to another process."""
        tally = self._tally(item)
        is_call = report.when == "call"
        note = {"id": marker.args[0], "engine": engine, "test": item.originalname,
                "trials": 0, "failures": 0, "notes": [], "complaint": None, "skipped": None}
        if report.failed:
            note["failures"] = max(1, tally.failures) if is_call else 1
            note["complaint"] = _first_line(report)
        if report.skipped:
            note["skipped"] = _first_line(report)
        elif is_call:
            note["trials"] = max(tally.trials, marker.kwargs.get("trials", 1))
            note["notes"] = tally.notes
        return note

    # Gathering

    def pytest_runtest_logreport(self, report):
        for name, note in report.user_properties:
            if name == _NOTE:
                self._account(note, report.duration)

    def _account(self, note, seconds):
        id, engine, test = note["id"], note["engine"], note["test"]
        row = self.rows.setdefault((id, engine), Row(id, engine))
        row.seconds += seconds
        row.trials += note["trials"]
        row.failures += note["failures"]
        row.notes += note["notes"]
        if why := note["complaint"]:
            times, first = row.complaints.get(test, (0, why))
            row.complaints[test] = times + 1, first
        if why := note["skipped"]:
            row.skipped.append(why)

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
