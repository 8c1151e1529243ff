"""One turn: a stream through one relay, and what it cost."""

import re
from dataclasses import dataclass

from compare.errors import Failure
from compare.hosts import Hosts
from compare.meters import machine_seconds

from turns import Column

CONTROL_PORT, DATA_PORT = 5000, 5101
PATIENCE = 20
COLUMNS = [
    Column("gbps", "rate, Gb/s", 2, is_rated=True),
    Column("relay_cpu_per_gb", "relay CPU, s/GB", 3, is_rated=True),
    Column("total_cpu_per_gb", "total CPU, s/GB", 3),
]
CANDIDATES = {
    "forward": "the example over the library's splice; one program for each connection",
    "serve-splice": "longsplice serve --relay splice, 1 worker",
    "serve-adaptive": "longsplice serve --relay adaptive, 1 worker",
    "direct": "no relay: B forwards packets",
}


@dataclass(frozen=True)
class Case:
    name: str = "one stream from A to C"


def turn(name, options):
    """Figures and warnings."""
    with Hosts(options.congestion, options.split) as hosts:
        sink = hosts.start("C", ["nuttcp", "-S", "--nofork", f"-P{CONTROL_PORT}", f"-p{DATA_PORT}"])
        hosts.wait_port("C", CONTROL_PORT, watched=sink)
        # nuttcp has a connection for control beside that of its bytes: two relays of one connection each do for both.
        relays = [] if name == "direct" else [_relay(hosts, name, port, options) for port in (CONTROL_PORT, DATA_PORT)]
        target = hosts.address("B" if relays else "C")
        relay_start, machine_start = _seconds(relays), machine_seconds()
        done = hosts.run("A", ["nuttcp", "-t", "-fparse", f"-T{options.seconds}", f"-P{CONTROL_PORT}", f"-p{DATA_PORT}",
                               target], timeout=options.seconds + PATIENCE)
        # `forward` has ended with its connection; what it used is told until somebody asks for its status.
        relay_used, machine_used = _seconds(relays) - relay_start, machine_seconds() - machine_start
        told = {key: float(value) for key, value in re.findall(r"(megabytes|rate_Mbps)=([\d.]+)", done.stdout)}
        if len(told) < 2:
            said = "\n".join(relay.output() for relay in relays)
            raise Failure(f"nuttcp made no report:\n{done.stdout}{done.stderr}{said}")
    gigabytes = told["megabytes"] * (1 << 20) / 1e9
    return {"gbps": told["rate_Mbps"] / 1e3, "relay_cpu_per_gb": relay_used / gigabytes,
            "total_cpu_per_gb": machine_used / gigabytes, "gigabytes": gigabytes}, []


def _relay(hosts, name, port, options):
    upstream = hosts.place("C", port)
    if name == "forward":
        argv = [options.forward, port, upstream]
    else:
        argv = [options.longsplice, "serve", "--listen", hosts.place("B", port), "--upstream", upstream,
                "--workers", 1, "--relay", name.removeprefix("serve-")]
    relay = hosts.start("B", argv)
    hosts.wait_port("B", port, watched=relay)
    return relay


def _seconds(relays):
    return sum(relay.cpu_seconds() for relay in relays)
