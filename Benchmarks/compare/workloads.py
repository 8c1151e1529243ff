"""What is done with the candidates. Each workload's function takes a scene and answers figures."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Callable

from processes import wait_until

from compare.errors import Failure
from compare.figures import FIGURES
from compare.hosts import IPERF_PORT, PEER_PORT
from compare.loads import Bench, Iperf


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    run: Callable
    """(scene) → figures"""
    shown: tuple
    """Keys of figures, the columns of its table; the first is the main one."""
    rated: tuple
    """Those of them for which ratios are told."""
    plotted: tuple
    pairs: int = 0
    """Connections at a time."""
    is_verified: bool = True
    needs_relay: bool = False
    """Has no meaning without a relay."""


# Bulk

def _bulk(scene, streams, both_ways=False):
    scene.serve_iperf(IPERF_PORT)
    target = scene.stand(IPERF_PORT)
    meter = scene.meter().start()
    load = Iperf(scene, target, scene.seconds, streams, both_ways)
    scene.look_at(scene.seconds / 2)
    report = load.finish()
    meter.stop()
    count, seconds = Iperf.received(report)
    return {
        "gbps": count * 8 / seconds / 1e9, "generator_busy": Iperf.busy(report, "host"),
        "server_busy": Iperf.busy(report, "remote"), **meter.costs(count / 1e9, "gb"), **scene.held,
    }


def _bulk_workload(name, streams, both_ways=False):
    title = f"{streams} iperf3 stream{'s' * (streams > 1)} {'both ways' if both_ways else 'from A to C'}"
    return Workload(name, title, partial(_bulk, streams=streams, both_ways=both_ways),
                    ("gbps", "relay_cpu_per_gb", "total_cpu_per_gb", "generator_busy", "server_busy", "threads"),
                    ("gbps", "relay_cpu_per_gb", "total_cpu_per_gb"), ("gbps", "relay_cpu_per_gb", "total_cpu_per_gb"),
                    pairs=streams * (1 + both_ways) + 1, is_verified=False)


# Requests and answers

def _pingpong(scene, connections, size):
    scene.serve_bench()
    target = scene.stand(PEER_PORT)
    load = Bench(scene, target, "pingpong", connections, scene.seconds, "--size", size, warm_up=scene.warm_up)
    meter = scene.metered(load.started, scene.warm_up)
    report = load.finish()
    measured = report["measured"]
    return {"requests_per_s": measured["requests_per_second"], **Bench.figures(report),
            **meter.costs(max(1, measured["requests"]), "request", 1e6), **scene.held}


_REQUEST_COLUMNS = ("requests_per_s", "p50_us", "p99_us", "p999_us", "relay_cpu_per_request", "total_cpu_per_request",
                    "generator_busy", "server_busy", "threads", "descriptors")


def _pingpong_workload(name, connections, size, text):
    return Workload(name, f"requests of {text} and answers as large over {connections} connection"
                          f"{'s' * (connections > 1)}, as fast as they go",
                    partial(_pingpong, connections=connections, size=size), _REQUEST_COLUMNS,
                    ("requests_per_s", "p50_us", "p99_us", "relay_cpu_per_request"),
                    ("requests_per_s", "p50_us", "p99_us", "relay_cpu_per_request"), pairs=connections)


# Small among large

_MIX_STREAMS, _MIX_CONNECTIONS = 4, 64
_MIX_SURPLUS = 2
"""Seconds for which the bulk streams run longer than the small requests, before and after."""


def _mix(scene):
    """Both loads pass one listener of one relay, whose upstream is one port of C. Which server a connection reaches
    there is decided by when it is opened: while the bulk streams connect, C sends what is new to iperf3."""
    scene.serve_bench()
    scene.serve_iperf(IPERF_PORT)
    target = scene.stand(PEER_PORT)
    new_ones = ["iptables", "-w", "-t", "nat", "-I", "PREROUTING", "-p", "tcp", "--dport", PEER_PORT, "-j"]
    scene.hosts.run("C", [*new_ones, "REDIRECT", "--to-ports", IPERF_PORT])
    bulk = Iperf(scene, target, scene.warm_up + scene.seconds + _MIX_SURPLUS, _MIX_STREAMS)
    wait_until(lambda: scene.hosts.established("C", IPERF_PORT) > _MIX_STREAMS, 10, "iperf3's connections")
    bulk_start = time.monotonic()
    # In front of the other rule, which stays: without a rule the kernel would forget the streams' translation.
    scene.hosts.run("C", [*new_ones, "ACCEPT"])
    small = Bench(scene, target, "pingpong", _MIX_CONNECTIONS, scene.seconds, "--size", 64, warm_up=scene.warm_up)
    start = small.started + scene.warm_up - bulk_start
    meter = scene.metered(small.started, scene.warm_up)
    report = small.finish()
    large = bulk.finish()
    cores = {"total_cores": meter.machine_seconds / scene.seconds}
    if meter.relay_seconds is not None:
        cores["relay_cores"] = meter.relay_seconds / scene.seconds
    return {"gbps": Iperf.rate_between(large, start, start + scene.seconds) / 1e9,
            "requests_per_s": report["measured"]["requests_per_second"], **Bench.figures(report), **cores, **scene.held}


# Connections that come and go

def _connections(scene):
    scene.serve_bench()
    target = scene.stand(PEER_PORT)
    flags = ["--size", 1, "--exact-size", "--plans", "rst-idle"]
    load = Bench(scene, target, "churn", 64, scene.seconds, *flags, warm_up=scene.warm_up)
    meter = scene.metered(load.started, scene.warm_up)
    report = load.finish()
    measured = report["measured"]
    if report["connections"]["opens_postponed"]:
        scene.warnings.append(f"{report['connections']['opens_postponed']} connects had to wait for a port or a queue")
    return {"connections_per_s": measured["connections_per_second"], **Bench.figures(report),
            **meter.costs(max(1, measured["connections"]), "connection", 1e6), **scene.held}


# Silence

def _idle(scene, pairs):
    scene.serve_bench()
    target = scene.stand(PEER_PORT)
    scene.await_quiet(10)
    before = scene.look()
    opening = 5 + pairs // 500
    load = Bench(scene, target, "idle", pairs, opening, "--size", 1)

    def stand():
        scene.expect_relay()
        return not load.process.alive() or scene.hosts.established("C", PEER_PORT) >= pairs

    try:
        wait_until(stand, opening, interval=0.2)
    except TimeoutError:
        standing, said = scene.hosts.established("C", PEER_PORT), scene.relay.output().strip().rpartition("\n")[2]
        raise Failure(f"only {standing} of {pairs} connections stood after {opening} s; "
                      f"the relay's last words: {said}") from None
    if load.process.alive():
        scene.await_quiet(opening)
    after = scene.look()
    had_ended = not load.process.alive()
    report = load.finish()
    if had_ended:
        raise Failure("the silence was over before the relay was looked at")
    return {"anon_per_pair": (after["anon_bytes"] - before["anon_bytes"]) / pairs,
            "pss_per_pair": (after["pss_bytes"] - before["pss_bytes"]) / pairs,
            "descriptors_per_pair": (after["descriptors"] - before["descriptors"]) / pairs,
            **after, "generator_busy": report["processor"]["busiest_thread"]}


def _idle_workload(pairs):
    title = f"{pairs} pairs that are silent after one byte each way, against the relay before them"
    return Workload(f"idle{pairs}", title, partial(_idle, pairs=pairs),
                    ("anon_per_pair", "pss_per_pair", "descriptors_per_pair", "threads", "anon_bytes"),
                    ("anon_per_pair", "pss_per_pair", "descriptors_per_pair"),
                    ("anon_per_pair", "descriptors_per_pair"), pairs=pairs, needs_relay=True)


GROWTH_FLOWS = (1, 16, 64, 256, 1000, 4000)
GROWTH = [_pingpong_workload(f"growth{flows}", flows, 64, "64 B") for flows in GROWTH_FLOWS]
ALL = [
    _bulk_workload("bulk1", 1), _bulk_workload("bulk8", 8), _bulk_workload("bulk64", 64),
    _bulk_workload("bulk_both", 8, both_ways=True),
    _pingpong_workload("pp64x1", 1, 64, "64 B"), _pingpong_workload("pp64x64", 64, 64, "64 B"),
    _pingpong_workload("pp64x2000", 2000, 64, "64 B"), _pingpong_workload("pp16kx64", 64, 16 << 10, "16 KiB"),
    Workload("mix",
             f"requests of 64 B over {_MIX_CONNECTIONS} connections beside {_MIX_STREAMS} iperf3 streams from A to C",
             _mix,
             ("p99_us", "p50_us", "p999_us", "requests_per_s", "gbps", "relay_cores", "total_cores", "generator_busy"),
             ("p99_us", "requests_per_s", "gbps"), ("p99_us", "requests_per_s", "gbps"),
             pairs=_MIX_CONNECTIONS + _MIX_STREAMS + 1),
    Workload("connrate", "connect, one byte each way, RST; 64 at a time", _connections,
             ("connections_per_s", "p50_us", "p99_us", "relay_cpu_per_connection", "total_cpu_per_connection",
              "generator_busy", "server_busy"),
             ("connections_per_s", "p99_us", "relay_cpu_per_connection"),
             ("connections_per_s", "p99_us", "relay_cpu_per_connection"), pairs=64),
    _idle_workload(1000), _idle_workload(3900), _idle_workload(9000),
    *GROWTH,
]
MAIN = ["bulk1", "bulk8", "pp64x1", "pp64x64", "pp16kx64", "mix", "connrate", "idle1000"]

assert all(key in FIGURES for workload in ALL for key in workload.shown + workload.rated + workload.plotted)
