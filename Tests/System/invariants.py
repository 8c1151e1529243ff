"""What must hold after every test, whatever the test did: see `Stage.close`."""

import contextlib
import os
import re
import time
from pathlib import Path

ENDS = ("finished", "client_reset", "upstream_reset", "idle_timeout", "fin_timeout", "drain_cut",
        "lifetime", "server_down",
        "connect_failed", "cut_for_shortage", "system_failure", "taken_back", "refused_at_limit",
        "refused_per_client", "refused_by_address", "refused_at_listener_limit",
        "refused_per_client_of_listener", "refused_by_rate", "bad_prologue", "prologue_timeout",
        "refused_queue_full", "refused_queue_timeout")
"""Counters of which each closed connection is in exactly one."""

SURPRISES = ("completions_stale", "completions_unexpected", "completions_dropped")
"""Counters that stay at zero, unless a test provokes them and says so."""

IDLE_SHARE_MAX = 0.01


def reconcile(counters, expected_surprises=()):
    """Counters of a proxy without sessions must add up."""
    active, closed = counters["active"], counters["closed"]
    assert active == 0, f"{active} sessions are counted as active, and there are none"
    assert counters["accepted"] == closed, f"accepted {counters['accepted']}, closed {closed}"
    ends = {name: counters.get(name, 0) for name in ENDS if counters.get(name, 0)}
    assert sum(ends.values()) == closed, f"closed {closed}, by cause {ends}"
    surprises = {name: counters[name] for name in SURPRISES
                 if counters[name] and name not in expected_surprises}
    assert not surprises, f"the kernel's answers surprised the proxy: {surprises}"
    handed, taken = counters["handed_over"], counters["taken_over"]
    assert handed == taken, f"workers handed {handed} clients over and took {taken}"
    pipes = counters["pipes_made"] - counters["pipes_closed"]
    assert pipes == counters["pipes_open"], f"{pipes} pipes should be open: {counters['pipes_open']}"
    assert counters["pipes_borrowed"] == 0, f"{counters['pipes_borrowed']} pipes are still lent"
    if counters["finished"] == closed:
        assert counters["bytes_dropped"] == 0, "bytes were dropped, and every pair ended well"


# CPU

def busy_nanoseconds(pid):
    """Time on a processor, of all threads that live, exactly: the kernel's ticks are too coarse."""
    total = 0
    for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            total += int(schedstat.read_text().split()[0])
    return total


def idle_share(pid, seconds):
    started, before = time.monotonic(), busy_nanoseconds(pid)
    time.sleep(seconds)
    return max(0, busy_nanoseconds(pid) - before) / 1e9 / (time.monotonic() - started)


def expect_idle(pid):
    """A glance is enough where nothing runs; only where something does, it is watched longer."""
    share = 1.0
    for seconds in (0.1, 0.3, 1.0, 2.0):
        share = idle_share(pid, seconds)
        if share < IDLE_SHARE_MAX:
            return
    raise AssertionError(f"{share:.1%} of a core is spent with nothing to do")


# Sockets

def lingering_sockets(lab, pid):
    """Sockets of a process that wait for a close which does not come."""
    listing = lab.run("B", ["ss", "-Htanp", "state", "close-wait", "state", "fin-wait-2",
                            "state", "last-ack"]).stdout
    return re.findall(rf".*\bpid={pid}\b.*", listing)


# The kernel's log

class KernelLog:
    """Follows /dev/kmsg from the moment it is made."""

    ALARMS = re.compile(r"\bBUG\b|\bWARNING:|general protection|blocked for more than|soft lockup|"
                        r"\bOops\b|refcount_t|use-after-free")

    def __init__(self):
        self.refusal, self._file = None, -1
        try:
            self._file = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self._file, 0, os.SEEK_END)
        except OSError as error:
            self.refusal = error.strerror

    def alarms(self):
        """The alarming lines since the last call."""
        lines = []
        while self._file >= 0:
            try:
                lines.append(os.read(self._file, 8192).decode(errors="replace").strip())
            except BlockingIOError:
                break
            except BrokenPipeError:
                continue  # Lines were overwritten before they were read.
        return [line for line in lines if self.ALARMS.search(line)]
