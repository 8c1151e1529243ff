"""`longsplice bench` around a relay: every byte of every connection is accounted for at both ends.

The peer stands in C, the runner in A; the runner's verdict is its exit status and its JSON.
"""

import json

from lab import endpoint
from proxies import binary

SOURCES = ("--source", "127.0.0.1-127.0.0.100")
"""In the lab with one namespace: addresses enough that ports are no bound."""


def start_peer(stage):
    """The far end; its address."""
    peer = stage.start("C", [binary(), "bench", "peer", "--listen", endpoint(stage.lab.address("C"), 0)])
    return peer.wait_for_output(r"listening on (\S+)").group(1)


def run_bench(stage, proxy, workload, *flags, timeout=600, lenient=False):
    """`bench run` through a proxy that stands before a peer. Returns the report where all was right."""
    file = stage.lab.fresh_path(".json")
    lenience = ["--lenient-reset"] if lenient else []
    done = stage.lab.run(
        "A", [binary(), "bench", "run", "--target", proxy.addresses[0], "--workload", workload,
              "--json", file, *lenience, *flags], timeout=timeout, check=False)
    report = json.loads(file.read_text()) if file.exists() else {}
    assert done.returncode == 0 and report.get("ok"), \
        f"exit status {done.returncode}: {report.get('violations', [])[:5]}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return report


def run_ledger(stage, *flags, total, connections=64, size="64KiB", serve=(), wrapper=(), **options):
    """A ledger of `total` connections through a proxy of its own; the proxy and the report."""
    proxy = stage.serve(start_peer(stage), *serve, wrapper=wrapper)
    report = run_bench(stage, proxy, "ledger", "--total", str(total), "--connections", str(connections),
                       "--size", size, *flags, **options)
    return proxy, report
