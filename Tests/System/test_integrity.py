"""Every byte arrives, once and in order, in both directions at once, over every kind of address."""

import pytest

from lab import endpoint
from peers import expect_fin, finish, together
from sizes import GiB, MiB, sized
from streams import Reader, Writer

CASES = {
    "IPv4 to IPv4": ("tcp4", "tcp4", sized(1 * GiB, 4 * GiB)),
    "IPv6 to IPv6": ("tcp6", "tcp6", sized(128 * MiB, 1 * GiB)),
    "IPv6 to IPv4": ("tcp6", "tcp4", sized(32 * MiB, 1 * GiB)),
    "UNIX to UNIX": ("unix", "unix", sized(128 * MiB, 1 * GiB)),
    "UNIX to TCP": ("unix", "tcp4", sized(128 * MiB, 1 * GiB)),
    "TCP to UNIX": ("tcp4", "unix", sized(128 * MiB, 1 * GiB)),
}


def address(stage, where, kind):
    if kind == "unix":
        return f"unix:{stage.lab.fresh_path('.sock')}"
    return endpoint(stage.lab.address(where, int(kind[-1])), 0)


def swap_streams(client, server, size):
    """Both ends send a stream of their own at the same time, finish, and check the other's."""
    def send(sock, seed):
        Writer(sock, seed).write(size)
        finish(sock)

    def receive(sock, seed):
        reader = Reader(sock, seed)
        reader.read(size)
        expect_fin(sock)

    together(lambda: send(client, 1), lambda: receive(server, 1),
             lambda: send(server, 2), lambda: receive(client, 2))


@pytest.mark.parametrize("case", CASES)
def test_both_directions_at_once_arrive_complete_and_in_order(wide_stage, case):
    listen, upstream, size = CASES[case]
    bridge = wide_stage.bridge(listen=address(wide_stage, "B", listen),
                               upstream=address(wide_stage, "C", upstream))
    swap_streams(*bridge.pair(), size)


@pytest.mark.parametrize("flags", [
    ("--pipe-size", "4096", "--chunk-size", "4096"),
    ("--pipe-size", "1MiB", "--chunk-size", "1MiB"),
    ("--workers", "1", "--ring-depth", "64", "--cq-depth", "128"),
    ("--workers", "3"),
], ids=" ".join)
def test_the_bounds_change_the_pace_but_not_the_bytes(stage, flags):
    """Several pairs, so that pipes and ring entries have to be shared."""
    bridge = stage.bridge(*flags)
    pairs = [bridge.pair() for _ in range(4)]
    together(*(lambda pair=pair: swap_streams(*pair, sized(4 * MiB, 256 * MiB)) for pair in pairs))


def test_writes_of_every_small_size_arrive_unchanged(stage):
    """Sizes around a page, where a pipe's slots begin and end."""
    client, server = stage.bridge().pair()
    writer, reader = Writer(client), Reader(server)
    for size in [*range(1, 70), *range(4090, 4103), *range(65530, 65543)]:
        writer.write(size, piece=size)
        reader.read(size)
