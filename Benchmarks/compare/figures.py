"""What is measured, and how figures are compared. Arithmetic only."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    title: str
    unit: str
    digits: int
    more_is_better: bool


FIGURES = {
    "gbps": Figure("throughput", "Gb/s", 2, True),
    "requests_per_s": Figure("requests", "/s", 0, True),
    "connections_per_s": Figure("connections", "/s", 0, True),
    "p50_us": Figure("p50", "µs", 0, False),
    "p99_us": Figure("p99", "µs", 0, False),
    "p999_us": Figure("p99.9", "µs", 0, False),
    "relay_cpu_per_gb": Figure("relay CPU", "s/GB", 3, False),
    "total_cpu_per_gb": Figure("total CPU", "s/GB", 3, False),
    "relay_cpu_per_request": Figure("relay CPU", "µs/request", 2, False),
    "total_cpu_per_request": Figure("total CPU", "µs/request", 2, False),
    "relay_cpu_per_connection": Figure("relay CPU", "µs/connection", 1, False),
    "total_cpu_per_connection": Figure("total CPU", "µs/connection", 1, False),
    "relay_cores": Figure("relay CPU", "cores", 2, False),
    "total_cores": Figure("total CPU", "cores", 2, False),
    "anon_per_pair": Figure("RssAnon a pair", "B", 0, False),
    "pss_per_pair": Figure("Pss a pair", "B", 0, False),
    "descriptors_per_pair": Figure("descriptors a pair", "", 2, False),
    "descriptors": Figure("descriptors", "", 0, False),
    "threads": Figure("threads", "", 0, False),
    "anon_bytes": Figure("RssAnon", "B", 0, False),
    "pss_bytes": Figure("Pss", "B", 0, False),
    "generator_busy": Figure("generator busy", "of a core", 2, False),
    "server_busy": Figure("server busy", "of a core", 2, False),
}

BUSY_MAX = 0.9
"""A single-threaded load generator busier than this may be what is measured."""


@dataclass
class Run:
    """One turn of one candidate at one workload."""
    workload: str
    candidate: str
    round: int
    place: int
    """Which one in its round it was, from 0."""
    figures: dict
    warnings: list
    verified: bool | None
    """Whether every byte was checked and right; None where the load only counts bytes, or did not come to its end."""
    error: str | None = None


def ratio(figure, reference):
    """None where one of them is unknown or there is nothing to divide by."""
    if figure is None or reference is None or reference <= 0:
        return None
    return figure / reference


def reaches(key_is_more, value, target):
    """Whether a ratio (or a figure) is on the good side of its target; None where it is unknown."""
    if value is None:
        return None
    return value >= target if key_is_more else value <= target


class Results:
    """All runs of a campaign, and what follows from them."""

    def __init__(self, candidates, workloads, machine, skipped=None, settings=None):
        self.candidates, self.workloads = candidates, workloads
        self.machine, self.skipped = machine, skipped or {}
        self.settings = settings or {}
        self.runs = []

    def add(self, run):
        self.runs.append(run)

    def of(self, workload, candidate):
        return [run for run in self.runs if run.workload == workload and run.candidate == candidate]

    def values(self, workload, candidate, key):
        """Of the rounds that went well, in their order."""
        return [run.figures[key] for run in self.of(workload, candidate)
                if run.error is None and run.figures.get(key) is not None]

    def median(self, workload, candidate, key):
        values = self.values(workload, candidate, key)
        return statistics.median(values) if values else None

    def failures(self, workload=None, candidate=None):
        return [run for run in self.runs if run.error is not None and workload in (None, run.workload)
                and candidate in (None, run.candidate)]

    def warnings(self, workload, candidate):
        """Each once."""
        return list(dict.fromkeys(text for run in self.of(workload, candidate) for text in run.warnings))

    def named(self, name):
        return next((candidate for candidate in self.candidates if candidate.name == name), None)

    def best_peer(self, workload, key):
        """The peer whose median is the best, None where no peer has one. The direct way and our own are no peers."""
        medians = {candidate.name: self.median(workload, candidate.name, key)
                   for candidate in self.candidates if candidate.kind == "peer"}
        medians = {name: value for name, value in medians.items() if value is not None}
        if not medians:
            return None
        return (max if FIGURES[key].more_is_better else min)(medians, key=medians.get)

    def above_direct(self, workload, candidate, key):
        """What a relay adds to the cost of the direct way: the difference of the medians."""
        own, direct = self.median(workload, candidate, key), self.median(workload, "direct", key)
        return None if own is None or direct is None else own - direct
