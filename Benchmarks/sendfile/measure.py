"""One turn: a server, a load, and what it cost."""

import contextlib
import json

from compare.errors import Failure, WrongBytes
from compare.figures import BUSY_MAX
from compare.hosts import Hosts
from compare.meters import Meter

from sendfile import servers
from turns import Column

COLUMNS = [
    Column("requests_per_s", "requests, /s", 1, is_rated=True),
    Column("gigabytes_per_s", "rate, GB/s", 3),
    Column("server_cpu_per_gb", "server CPU, s/GB", 3, is_rated=True),
    Column("total_cpu_per_gb", "total CPU, s/GB", 3),
    Column("client_busy", "client busy, of a core", 2),
]
PATIENCE = 30
"""Seconds that a load may take beyond its time, until it is given up."""


def turn(case, name, files, options):
    """Figures and warnings."""
    with Hosts(options.congestion, options.split) as hosts, contextlib.ExitStack() as files_in_memory:
        server = servers.start(hosts, name, files.folder, options.file_server)
        warnings = []
        if case.is_cold:
            left = files.drop()
            if left:
                warnings.append(f"{left} pages stayed in the page cache")
        else:
            files_in_memory.enter_context(files.hot())
        # Each file once; where there are fewer than clients, each client one.
        requests = max(files.count, case.clients) if case.is_cold else 0
        seconds = options.cold_seconds if case.is_cold else options.seconds
        meter = Meter(server).start()
        done = hosts.run("A", [servers.BUILT / "client", hosts.address("B"), servers.PORT, case.clients, seconds,
                               files.count, case.size, requests], timeout=seconds + PATIENCE)
        meter.stop()
        if not server.alive():
            raise Failure(f"the server died:\n{server.output()}")
    report = json.loads(done.stdout)
    wrong = {key: report[key] for key in ("wrong_statuses", "wrong_lengths", "lost") if report[key]}
    if wrong:
        raise WrongBytes(f"not every answer was right: {wrong}")
    if not report["bytes"]:
        raise Failure("nothing was answered")
    busy = report["processor_seconds"] / report["seconds"]
    if busy > BUSY_MAX:
        warnings.append(f"the client was busy for {busy:.0%} of the time")
    rate = report["bytes"] / report["seconds"]
    gigabytes = report["bytes"] / 1e9
    return {"requests_per_s": rate / case.size, "gigabytes_per_s": rate / 1e9,
            "server_cpu_per_gb": meter.relay_seconds / gigabytes, "total_cpu_per_gb": meter.machine_seconds / gigabytes,
            "client_busy": busy, "requests": report["requests"], "bytes": report["bytes"],
            "seconds": report["seconds"]}, warnings
