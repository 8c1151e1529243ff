"""A reader that stops must stop the sender, at no cost to the proxy, and then get everything."""

import threading
import time

import pytest

from peers import expect_fin, finish
from processes import wait_until
from sizes import GiB, MiB, sized
from streams import Reader, Writer

SIZE = sized(256 * MiB, 1 * GiB)
PAUSE = sized(3, 30)


@pytest.mark.matrix("B6")
@pytest.mark.parametrize("sender", ["client", "server"])
def test_a_stalled_reader_costs_neither_memory_nor_time_and_loses_nothing(stage, sender):
    bridge = stage.bridge()
    client, server = bridge.pair()
    fast, slow = (client, server) if sender == "client" else (server, client)
    for sock in (fast, slow):
        sock.settimeout(PAUSE + 60)
    proxy, writer, failures = bridge.proxy, Writer(fast), []

    def push():
        try:
            writer.write(SIZE)
            finish(fast)
        except BaseException as failure:
            failures.append(failure)

    memory_before = proxy.rss()
    pusher = threading.Thread(target=push, daemon=True)
    pusher.start()
    wait_until(lambda: stalled(writer), 20, "the sender to be held back")
    assert writer.position < SIZE, "nothing held the sender back"

    cpu_before = proxy.cpu_seconds()
    time.sleep(PAUSE)
    share = (proxy.cpu_seconds() - cpu_before) / PAUSE
    assert share < 0.05, f"{share:.0%} of a core spent on a stalled pair"
    assert proxy.rss() - memory_before < 8 * MiB, "the stalled bytes pile up in memory"

    reader = Reader(slow)
    reader.read(SIZE)
    expect_fin(slow)
    pusher.join(10)
    assert not failures and not pusher.is_alive()


def stalled(writer):
    """Whether the writer has got going and then stood still for half a second."""
    before = writer.position
    time.sleep(0.5)
    return 0 < before == writer.position
