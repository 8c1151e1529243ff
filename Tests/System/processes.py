"""Running programs: started in a session of their own, output in a file, accounted through /proc."""

import contextlib
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def wait_until(condition, timeout=5.0, what="the condition", interval=0.01):
    """Return the first true answer of `condition()`; fail with the name of what was awaited."""
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:g} s in vain for {what}")
        time.sleep(interval)


def allow_all_descriptors():
    """Raise the soft descriptor limit to the hard one; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Process:
    """A child in its own session, so that ending it ends whatever it forked and nothing else."""

    def __init__(self, argv, output_path, env=None, limits=None):
        self.argv = [str(part) for part in argv]
        self.output_path = Path(output_path)
        with open(self.output_path, "wb") as sink:
            self.popen = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
                start_new_session=True, env={**os.environ, **(env or {})}, preexec_fn=limits)
        self.pid = self.popen.pid

    # Life and death

    def alive(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def wait(self, timeout=10.0):
        """The exit status (negative: the signal that ended it)."""
        return self.popen.wait(timeout)

    def stop(self, timeout=10.0):
        """Ask with SIGTERM, insist with SIGKILL; always returns with the whole session gone."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()
        finally:
            self._end_session()

    def kill(self):
        self._end_session()
        return self.wait()

    def _end_session(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    # What it says

    def output(self):
        return self.output_path.read_text(errors="replace")

    def wait_for_output(self, pattern, timeout=10.0):
        """The first match of a regular expression; a process that died silent is reported as such."""
        def look():
            running = self.alive()
            match = re.search(pattern, self.output(), re.MULTILINE)
            if not match and not running:
                raise RuntimeError(f"{self.argv[0]} ended with {self.popen.returncode} "
                                   f"before saying {pattern!r}:\n{self.output()}")
            return match
        return wait_until(look, timeout, f"{pattern!r} from {' '.join(self.argv)}")

    # What it costs (each number is summed over the process and its descendants)

    def family(self):
        """The process and its descendants: nginx works in children, the others in threads."""
        pids, found = [self.pid], []
        while pids:
            pid = pids.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for children in Path(f"/proc/{pid}/task").glob("*/children"):
                    pids += map(int, children.read_text().split())
        return found

    def cpu_seconds(self):
        """User and system time of all threads, io_uring's kernel workers among them."""
        def one(pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
        return self._sum(one)

    def threads(self):
        return self._sum(lambda pid: len(os.listdir(f"/proc/{pid}/task")))

    def rss(self):
        """Resident bytes."""
        def one(pid):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            return pages * resource.getpagesize()
        return self._sum(one)

    def descriptors(self):
        """The ledger of open descriptors: {'socket': …, 'pipe': …, 'other': …}."""
        ledger = {"socket": 0, "pipe": 0, "other": 0}
        for pid in self.family():
            folder = f"/proc/{pid}/fd"
            with contextlib.suppress(OSError):
                for name in os.listdir(folder):
                    with contextlib.suppress(OSError):
                        kind = os.readlink(f"{folder}/{name}").partition(":")[0]
                        ledger[kind if kind in ledger else "other"] += 1
        return ledger

    def _sum(self, measure):
        total = 0
        for pid in self.family():
            with contextlib.suppress(OSError):
                total += measure(pid)
        return total
