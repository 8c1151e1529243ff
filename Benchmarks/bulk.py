#!/usr/bin/python3
"""Bulk throughput from A through B to C: no proxy, HAProxy and Longsplice, in turns.

    A (iperf3 client) ── B (the proxy, or plain routing) ── C (iperf3 server)

Each run gets namespaces of its own. The candidates take turns within a round, because the machine's speed drifts; what counts is the median over the
rounds, and the ratio to HAProxy with splicing forced. Needs root, like the system tests, whose laboratory it uses.

    sudo Benchmarks/bulk.py                                   # a few minutes
    sudo Benchmarks/bulk.py --rounds 5 --seconds 10 --bidir   # long
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "System"))

from lab import HAProxy, Lab, Longsplice  # noqa: E402

PROXY_PORT = 7000
SERVER_PORT = 5201
BASELINE = "haproxy forced"


def longsplice(engine, workers, flags):
    def make(lab, listen, upstream):
        return Longsplice(lab, "B", listen, upstream, engine, ["--workers", str(workers), *flags])
    return make


def candidates(workers, flags, also):
    """Name → what makes the proxy; None is the direct way."""
    more = {f"uring {extra}": longsplice("uring", workers, [*flags, *extra.split()]) for extra in also}
    return {
        "direct": None,
        BASELINE: lambda lab, listen, upstream: HAProxy(lab, "B", listen, upstream, threads=workers),
        "haproxy auto": lambda lab, listen, upstream: HAProxy(lab, "B", listen, upstream, threads=workers,
                                                             splice="auto"),
        "longsplice uring": longsplice("uring", workers, flags),
        "longsplice epoll": longsplice("epoll", workers, flags),
        **more,
    }


def measure(make, streams, seconds, bidirectional):
    """One iperf3 run: Gb/s received, and the proxy's CPU seconds for each gigabyte."""
    with Lab() as lab:
        lab.start("C", ["iperf3", "-s", "-p", SERVER_PORT])
        lab.wait_port("C", SERVER_PORT)
        upstream = f"{lab.address('C')}:{SERVER_PORT}"
        proxy = make(lab, f"{lab.address('B')}:{PROXY_PORT}", upstream).start() if make else None
        host, port = (lab.address("B"), PROXY_PORT) if proxy else (lab.address("C"), SERVER_PORT)
        before = proxy.cpu_seconds() if proxy else 0.0
        argv = ["iperf3", "-c", host, "-p", port, "-t", seconds, "-P", streams, "--json"]
        report = json.loads(lab.run("A", argv + ["--bidir"] * bidirectional, timeout=seconds * 3 + 30).stdout)
        sums = [value for key, value in report["end"].items() if key.startswith("sum_received")]
        gigabytes = sum(part["bytes"] for part in sums) / 1e9
        cpu = (proxy.cpu_seconds() - before) / gigabytes if proxy else None
        if proxy:
            proxy.stop()
        return sum(part["bits_per_second"] for part in sums) / 1e9, cpu


def summarise(name, runs, baseline):
    rates = [rate for rate, _ in runs]
    costs = [cost for _, cost in runs if cost is not None]
    row = {"name": name, "gbps": statistics.median(rates), "gbps_runs": rates,
           "cpu_per_gb": statistics.median(costs) if costs else None, "cpu_per_gb_runs": costs}
    if baseline:
        row["gbps_ratio"] = row["gbps"] / baseline["gbps"]
        if costs:
            row["cpu_ratio"] = row["cpu_per_gb"] / baseline["cpu_per_gb"]
    return row


def spread(values, digits):
    return f"{min(values):.{digits}f}–{max(values):.{digits}f}" if values else "–"


def table(title, rows):
    lines = [f"\n### {title}\n", f"| | Gb/s (range) | × {BASELINE} | proxy CPU s/GB (range) | × {BASELINE} |",
             "| --- | --- | --- | --- | --- |"]
    for row in rows:
        cpu = f"{row['cpu_per_gb']:.2f} ({spread(row['cpu_per_gb_runs'], 2)})" if row["cpu_per_gb"] else "–"
        cpu_ratio = f"{row['cpu_ratio']:.2f}" if "cpu_ratio" in row else "–"
        lines.append(f"| {row['name']} | {row['gbps']:.1f} ({spread(row['gbps_runs'], 1)}) | {row['gbps_ratio']:.2f} | "
                     f"{cpu} | {cpu_ratio} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", default="1,8,64", help="parallel streams, one table for each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--workers", type=int, default=1, help="workers of Longsplice, threads of HAProxy")
    parser.add_argument("--bidir", action="store_true", help="both ways at once")
    parser.add_argument("--only", default="", help="candidates whose names contain this; the baseline always runs")
    parser.add_argument("--also", action="append", default=[], metavar="FLAGS",
                        help="one more candidate: the uring engine with these flags; repeatable")
    parser.add_argument("--json", metavar="FILE", help="also write every figure there")
    parser.add_argument("flags", nargs="*", help="more flags for Longsplice, after --")
    options = parser.parse_args()

    chosen = {name: make for name, make in candidates(options.workers, options.flags, options.also).items()
              if options.only in name or name == BASELINE}
    print(f"{time.strftime('%Y-%m-%d')}, Linux {platform.release()}, {os.cpu_count()} processors, "
          f"{options.rounds} rounds of {options.seconds} s, {options.workers} worker(s)", flush=True)
    everything = {}
    for streams in map(int, options.streams.split(",")):
        runs = {name: [] for name in chosen}
        for number in range(options.rounds):
            for name, make in chosen.items():
                print(f"\r{streams} streams, round {number + 1}, {name:20}", end="", file=sys.stderr, flush=True)
                runs[name].append(measure(make, streams, options.seconds, options.bidir))
        baseline = summarise(BASELINE, runs[BASELINE], None)
        rows = [summarise(name, runs[name], baseline) for name in chosen]
        title = f"{streams} stream{'s' * (streams > 1)}{', both ways' * options.bidir}"
        print("\r" + table(title, rows), flush=True)
        everything[title] = rows
    if options.json:
        Path(options.json).write_text(json.dumps(everything, indent=2))


if __name__ == "__main__":
    main()
