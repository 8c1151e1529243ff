"""Thousands of silent pairs cost two sockets each and nothing else, before and after they spoke."""

import os
import resource
import time

from peers import exchange
from processes import wait_until
from sizes import sized
from stage import PIPES_PER_WORKER

DESCRIPTORS_PER_PAIR = 6
"""What the program sets aside for each connection: two sockets and two pipes."""

FITTING = (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200) // DESCRIPTORS_PER_PAIR - 10
PAIRS = min(FITTING, sized(2000, 20_000))
WATCH = 5.0
USE = sized(5, 600)
"""Seconds of talk between the two looks."""


def test_idle_pairs_hold_two_sockets_and_no_more(stage):
    workers = os.cpu_count()
    bridge = stage.bridge("--max-connections", str(PAIRS + 10), "--workers", str(workers))
    proxy = bridge.proxy
    pairs = [bridge.pair() for _ in range(PAIRS)]
    expect_idle(proxy, workers)
    end = time.monotonic() + USE
    while time.monotonic() < end:
        for client, server in pairs:
            exchange(client, server)
        time.sleep(0.5)  # Long enough for pipes to be given back and borrowed again.
    expect_idle(proxy, workers)


def expect_idle(proxy, workers):
    """Give pipes and threads two seconds to be put away, then watch the clock."""
    bounds = {
        "sockets": proxy.baseline["socket"] + 2 * PAIRS,
        "pipes": proxy.baseline["pipe"] + 2 * PIPES_PER_WORKER * workers,
        "others": proxy.baseline["other"] + 8,
        "threads": 2 * workers + 4,
    }

    def usage():
        ledger = proxy.descriptors()
        return {"sockets": ledger["socket"], "pipes": ledger["pipe"], "others": ledger["other"],
                "threads": proxy.threads()}

    def within():
        return all(figure <= bounds[what] for what, figure in usage().items())

    try:
        wait_until(within, 3, interval=0.2)
    except TimeoutError:
        raise AssertionError(f"in use {usage()}, allowed {bounds}") from None

    before = proxy.cpu_seconds()
    time.sleep(WATCH)
    share = (proxy.cpu_seconds() - before) / WATCH
    assert share < 0.01, f"{share:.1%} of a core spent on idle pairs"
