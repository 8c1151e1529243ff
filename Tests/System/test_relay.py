"""How bytes are moved, from outside: `--relay` changes the way and the cost, and never a byte."""

import re
import time
from pathlib import Path

import pytest

import records
from peers import exchange, expect_fin, finish, together
from sizes import KiB, MiB, sized
from streams import Reader, Writer

RELAYS = ("adaptive", "splice", "copy")

SIZES = [1, 2, 63, 1_460, 4_095, 4_096, 4_097, 16_383, 16_384, 16_385, 65_536, 65_537, 256 * KiB - 1,
         256 * KiB, 256 * KiB + 1, 1 * MiB + 3, 8 * MiB]
"""Around a page, a receive buffer, a small pipe, and what proves bulk."""

QUIET = 0.6
"""Seconds after which a direction that is spliced has gone back to copying."""


def logged_bridge(stage, relay, *flags):
    path = stage.lab.fresh_path(".access")
    return stage.bridge("--access-log", path, "--relay", relay, "--workers", "1", *flags), path


def send(writer, reader, size):
    """One way; both at the same time, since a large one does not fit between them."""
    together(lambda: writer.write(size), lambda: reader.read(size))


def end(client, server):
    finish(client)
    expect_fin(server)
    finish(server)
    expect_fin(client)


def moved(path):
    """How the one connection's directions have moved their bytes in the end, and its record."""
    record = records.wait_for(path, 1)[0]
    return (record["relay_up"], record["relay_down"]), record


# Every byte

@pytest.mark.parametrize("relay", RELAYS)
def test_messages_of_every_size_arrive_unchanged_in_both_directions(stage, relay):
    bridge, path = logged_bridge(stage, relay)
    client, server = bridge.pair()
    up = Writer(client, 1), Reader(server, 1)
    down = Writer(server, 2), Reader(client, 2)
    for size in SIZES:
        send(*up, size)
        send(*down, size)
    end(client, server)
    _, record = moved(path)
    assert record["bytes_up"] == record["bytes_down"] == sum(SIZES)
    assert record["relay"] == relay and record["end"] == "fin"


@pytest.mark.parametrize("relay", RELAYS)
def test_both_directions_at_once_arrive_unchanged_in_pieces_of_every_size(stage, relay):
    size = sized(8 * MiB, 256 * MiB)
    bridge, path = logged_bridge(stage, relay)
    client, server = bridge.pair()

    def write(sock, seed, pieces):
        writer = Writer(sock, seed)
        while writer.position < size:
            for piece in pieces:
                writer.write(min(piece, size - writer.position), piece)
        finish(sock)

    def read(sock, seed):
        Reader(sock, seed).read(size)
        expect_fin(sock)

    together(lambda: write(client, 1, SIZES), lambda: read(server, 1),
             lambda: write(server, 2, SIZES[::-1]), lambda: read(client, 2))
    _, record = moved(path)
    assert record["bytes_up"] == record["bytes_down"] == size


@pytest.mark.parametrize("size, count", [("4096", "16"), ("1MiB", "16"), ("4096", "32768")])
def test_few_or_small_buffers_change_the_pace_but_not_the_bytes(stage, size, count):
    """Several pairs with slow readers, so that sixteen buffers are too few for them."""
    bridge = stage.bridge("--relay", "copy", "--workers", "1", "--buffer-size", size, "--buffers", count)
    pairs = [bridge.pair() for _ in range(6)]
    amount = sized(12 * MiB, 64 * MiB)

    def stream(client, server, seed):
        reader = Reader(client, seed)
        writer = Writer(server, seed)

        def read():
            time.sleep(0.5)  # The sockets and the buffers fill.
            reader.read(amount)

        together(lambda: writer.write(amount), read)

    together(*(lambda pair=pair, seed=seed: stream(*pair, seed) for seed, pair in enumerate(pairs)))
    bridge.proxy.counters_once(bytes_down=len(pairs) * amount, fills=0)


# What was chosen

def test_question_and_answer_are_copied(stage):
    bridge, path = logged_bridge(stage, "adaptive")
    client, server = bridge.pair()
    for _ in range(500):
        exchange(client, server)
    exchange(client, server, b"a large question, and an answer as large " * 1024)
    counters = bridge.proxy.counters()
    assert counters["fills"] == counters["pipes_made"] == counters["promotions"] == 0
    end(client, server)
    assert moved(path)[0] == ("copy:new", "copy:new")


@pytest.mark.parametrize("way", ["up", "down"])
def test_bulk_is_spliced_and_the_other_direction_is_not(stage, way):
    bridge, path = logged_bridge(stage, "adaptive")
    client, server = bridge.pair()
    ends = (client, server) if way == "up" else (server, client)
    send(Writer(ends[0]), Reader(ends[1]), 8 * MiB)
    finish(ends[0])
    expect_fin(ends[1])
    finish(ends[1])
    expect_fin(ends[0])
    expected = ("splice:bulk", "copy:new") if way == "up" else ("copy:new", "splice:bulk")
    assert moved(path)[0] == expected
    counters = bridge.proxy.counters()
    assert counters["promotions"] == 1 and 0 < counters["bytes_copied"] < 4 * MiB


def test_bulk_that_falls_silent_is_copied_again_and_holds_no_pipe(stage):
    bridge, path = logged_bridge(stage, "adaptive")
    client, server = bridge.pair()
    send(Writer(server), Reader(client), 8 * MiB)
    time.sleep(QUIET)
    counters = bridge.proxy.counters()
    assert counters["demotions_quiet"] == 1 and counters["pipes_borrowed"] == 0
    exchange(client, server)
    end(client, server)
    assert moved(path)[0] == ("copy:new", "copy:quiet")


@pytest.mark.parametrize("relay", ["splice", "copy"])
def test_what_is_asked_for_is_done_whatever_the_traffic(stage, relay):
    bridge, path = logged_bridge(stage, relay)
    client, server = bridge.pair()
    for _ in range(50):
        exchange(client, server)
    send(Writer(server), Reader(client), 8 * MiB)
    end(client, server)
    assert moved(path)[0] == (f"{relay}:pinned",) * 2
    counters = bridge.proxy.counters()
    assert counters["promotions"] == 0
    assert (counters["bytes_copied"] == 0) == (relay == "splice")
    assert (counters["fills"] == 0) == (relay == "copy")


# What it costs

IDLE_FEW, IDLE_MANY = 100, 2_100
BYTES_PER_IDLE_PAIR = 512
"""Memory of its own that the process may need for a pair that is silent."""


@pytest.mark.parametrize("relay", ["adaptive", "copy"])
def test_idle_pairs_cost_two_descriptors_and_next_to_no_memory(stage, relay):
    bridge = stage.bridge("--relay", relay, "--workers", "1", "--max-connections", str(IDLE_MANY + 10))
    proxy = bridge.proxy

    def settled(count):
        """Anonymous memory and descriptors with so many pairs, all of which have spoken once."""
        for client, server in [bridge.pair() for _ in range(count - settled.pairs)]:
            exchange(client, server)
        settled.pairs = count
        time.sleep(QUIET)
        return anonymous_bytes(proxy.pid), proxy.descriptors()

    settled.pairs = 0
    few, few_open = settled(IDLE_FEW)
    many, many_open = settled(IDLE_MANY)
    pairs = IDLE_MANY - IDLE_FEW
    assert many_open["socket"] - few_open["socket"] == 2 * pairs
    assert many_open["pipe"] == few_open["pipe"] and many_open["other"] == few_open["other"]
    each = (many - few) / pairs
    assert each < BYTES_PER_IDLE_PAIR, f"{each:.0f} bytes for each idle pair"


def anonymous_bytes(pid):
    """Resident memory that belongs to nobody else (proc(5), RssAnon)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * KiB


@pytest.mark.parametrize("micros", ["0", "50", "1000"])
def test_spinning_costs_nothing_where_nothing_happens(stage, micros):
    """What is spent when it is over is looked at after each test; here it is spent before."""
    bridge = stage.bridge("--spin-micros", micros, "--workers", "1")
    client, server = bridge.pair()
    for _ in range(2_000):
        exchange(client, server)
    spins = bridge.proxy.counters()["spins"]
    assert micros != "0" or spins == 0
    time.sleep(0.5)
    # Waking up to be asked is an event too.
    assert bridge.proxy.counters()["spins"] - spins < 20
