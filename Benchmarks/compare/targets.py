"""The targets, and whether they are reached."""

from dataclasses import dataclass

from compare import candidates
from compare.figures import FIGURES, ratio, reaches


@dataclass(frozen=True)
class Target:
    workload: str
    key: str
    value: float
    against: str = "best peer"
    """`best peer`; `forced`: HAProxy with splicing forced, and both count above what the direct way costs; `absolute`:
    the figure itself."""

    @property
    def more_is_better(self):
        return FIGURES[self.key].more_is_better


TARGETS = [
    Target("bulk1", "gbps", 1.00),
    Target("bulk8", "gbps", 1.00),
    Target("bulk1", "total_cpu_per_gb", 0.95, "forced"),
    Target("bulk8", "total_cpu_per_gb", 0.95, "forced"),
    Target("pp64x64", "requests_per_s", 1.20),
    Target("pp64x64", "p99_us", 0.90),
    Target("pp16kx64", "requests_per_s", 1.10),
    Target("pp64x1", "p50_us", 0.95),
    Target("pp64x2000", "requests_per_s", 1.20),
    Target("mix", "p99_us", 0.80),
    Target("connrate", "connections_per_s", 1.05),
    Target("idle1000", "anon_per_pair", 512, "absolute"),
    Target("idle3900", "anon_per_pair", 512, "absolute"),
    Target("idle9000", "anon_per_pair", 512, "absolute"),
]
EPOLL_TARGET = 1.00
"""Of every row: io_uring beside our own epoll engine."""


@dataclass(frozen=True)
class Judgement:
    target: Target
    own: float | None
    reference_name: str
    reference: float | None
    compared: float | None
    """What is held against the target: a ratio, or the figure itself."""
    reached: bool | None
    over_epoll: float | None
    epoll_reached: bool | None


def judged(results):
    """The candidate that stands for Longsplice, and a judgement of each target whose workload was run."""
    own = next((name for name in candidates.STAND_IN if results.named(name)), None)
    run = {workload.name for workload in results.workloads}
    return own, [_judge(results, own, target) for target in TARGETS if own and target.workload in run]


def _judge(results, own, target):
    def value(candidate):
        if target.against == "forced":
            return results.above_direct(target.workload, candidate, target.key)
        return results.median(target.workload, candidate, target.key)

    reference_name = {"forced": candidates.FORCED, "absolute": "–"}.get(
        target.against) or results.best_peer(target.workload, target.key) or "no peer"
    mine, reference = value(own), value(reference_name)
    compared = mine if target.against == "absolute" else ratio(mine, reference)
    over_epoll = ratio(mine, value(candidates.EPOLL))
    return Judgement(target, mine, reference_name, reference, compared,
                     reaches(target.more_is_better, compared, target.value), over_epoll,
                     reaches(target.more_is_better, over_epoll, EPOLL_TARGET))
