"""What a run costs: processor time of the relay and of the whole machine, memory, descriptors, threads."""

import contextlib
from pathlib import Path

from processes import TICKS_PER_SECOND


def machine_seconds():
    """Processor seconds that anything on this machine has used, interrupts included; what a hypervisor stole is not."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS_PER_SECOND


def anonymous_bytes(process):
    """Resident private memory of a program and its children (RssAnon)."""
    return _sum(process, "status", "RssAnon:")


def proportional_bytes(process):
    """Resident memory, what is shared counted in shares (Pss)."""
    return _sum(process, "smaps_rollup", "Pss:")


def _sum(process, file, field):
    total = 0
    for pid in process.family():
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
                if line.startswith(field):
                    total += int(line.split()[1]) * 1024
    return total


def holdings(process):
    """What a relay holds at this moment."""
    return {
        "anon_bytes": anonymous_bytes(process),
        "pss_bytes": proportional_bytes(process),
        "descriptors": sum(process.descriptors().values()),
        "threads": process.threads(),
    }


class Meter:
    """Processor seconds from `start` to `stop`."""

    def __init__(self, process):
        """`process` is None where no relay runs."""
        self._process = process
        self.relay_seconds = self.machine_seconds = None

    def start(self):
        self._relay_start = self._process.cpu_seconds() if self._process else None
        self._machine_start = machine_seconds()
        return self

    def stop(self):
        if self._process:
            self.relay_seconds = self._process.cpu_seconds() - self._relay_start
        self.machine_seconds = machine_seconds() - self._machine_start
        return self

    def costs(self, amount, unit, scale=1.0):
        """Processor time for each of something: `relay_cpu_per_<unit>` and `total_cpu_per_<unit>`."""
        costs = {f"total_cpu_per_{unit}": self.machine_seconds * scale / amount}
        if self.relay_seconds is not None:
            costs[f"relay_cpu_per_{unit}"] = self.relay_seconds * scale / amount
        return costs
