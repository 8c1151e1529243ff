"""The two kinds of load: iperf3, which moves bytes unseen, and `longsplice bench`, which looks at each."""

import json
import time

from compare.errors import Failure, WrongBytes
from compare.figures import BUSY_MAX


class Iperf:
    """`iperf3 -c`, under way."""

    INTERVAL = 0.2

    def __init__(self, scene, target, seconds, streams, both_ways=False):
        host, port = target
        self._scene, self.seconds = scene, seconds
        self.process = scene.hosts.start("A", [
            "iperf3", "-c", host, "-p", port, "-t", seconds, "-P", streams, "-i", self.INTERVAL, "--json",
            *["--bidir"] * both_ways])

    def finish(self):
        """iperf3's report, once it has ended."""
        self._scene.await_end(self.process, self.seconds)
        text = self.process.output()
        try:
            report = json.loads(text[text.index("{"):])
        except ValueError:
            raise Failure(f"iperf3 made no report:\n{text[-2000:]}") from None
        if "error" in report:
            raise Failure(f"iperf3: {report['error']}")
        self._warn(report)
        return report

    def _warn(self, report):
        for end, host in (("client", "host"), ("server", "remote")):
            busy = self.busy(report, host)
            if busy > BUSY_MAX:
                self._scene.warnings.append(f"iperf3's {end} was busy for {busy:.0%} of the time")

    @staticmethod
    def busy(report, host):
        return report["end"]["cpu_utilization_percent"][f"{host}_total"] / 100

    @staticmethod
    def received(report):
        """Bytes that arrived and seconds, both ways together."""
        sums = [part for name, part in report["end"].items() if name.startswith("sum_received")]
        return sum(part["bytes"] for part in sums), max(part["seconds"] for part in sums)

    @staticmethod
    def rate_between(report, start, end):
        """Bits per second in the intervals that lie between two times of the test."""
        inside = [interval["sum"] for interval in report["intervals"]
                  if interval["sum"]["start"] >= start and interval["sum"]["end"] <= end]
        seconds = sum(part["seconds"] for part in inside)
        if seconds <= 0:
            raise Failure(f"iperf3 has no interval from {start:.1f} s to {end:.1f} s")
        return sum(part["bytes"] for part in inside) * 8 / seconds


class Bench:
    """`longsplice bench run`, under way."""

    def __init__(self, scene, target, workload, connections, seconds, *flags, warm_up=0):
        host, port = target
        self._scene, self.seconds = scene, seconds + warm_up
        self.started = time.monotonic()
        if warm_up:
            flags = (*flags, "--warm-up", f"{warm_up}s")
        self._file = scene.hosts.fresh_path(".json")
        # A reset that a relay passes on as FIN is its own affair here; bytes always matter.
        self.process = scene.hosts.start("A", [
            scene.generator, "bench", "run", "--target", f"{host}:{port}", "--workload", workload,
            "--connections", connections, "--duration", f"{seconds}s", "--lenient-reset", "--json", self._file, *flags])

    def finish(self):
        """The generator's report, once it has ended and found every byte right."""
        self._scene.await_end(self.process, self.seconds)
        if not self._file.exists():
            raise Failure(f"the load made no report:\n{self.process.output()[-2000:]}")
        report = json.loads(self._file.read_text())
        if not report["ok"]:
            kinds = ", ".join(f"{count} × {kind}" for kind, count in report["violation_kinds"].items())
            first = report["violations"][0]["text"] if report["violations"] else ""
            raise WrongBytes(f"not all was right: {kinds or report['peer_trouble']}; {first}".rstrip("; "))
        self._scene.warnings += [f"the load: {warning}" for warning in report["warnings"]]
        return report

    @staticmethod
    def figures(report):
        """Latencies, and how busy the load's own threads were."""
        latency, processor = report["latency_us"], report["processor"]
        figures = {"generator_busy": processor["busiest_thread"], "server_busy": processor["peer_busiest_thread"]}
        if latency["count"]:
            figures |= {"p50_us": latency["p50"], "p99_us": latency["p99"], "p999_us": latency["p99.9"]}
        return figures
