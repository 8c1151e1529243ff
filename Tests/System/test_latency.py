"""No message waits for a timer.

The trap: whoever announces more bytes than will follow (MSG_MORE, a cork, an over-long splice)
leaves the last partial segment to the kernel's 200 ms cork timer. It shows only with real segment
sizes, hence on Ethernet and not on loopback.
"""

import socket
import statistics
import time

import pytest

from peers import PATIENCE, read_exactly, together

SEGMENT = 1448
ROUNDS = 200
CORK_TAIL = 0.150

WHOLE = [1, 100, SEGMENT, 16 * SEGMENT, 17 * SEGMENT, 16 * SEGMENT + 1, 45 * SEGMENT, 65536, 262144]
PIECES = [(16, 100), (16, SEGMENT), (32, 1000), (17, 4096), (64, 1)]


def converse(client, server, count, size):
    """Ping-pong of messages written as `count` pieces of `size`; the duration of each round."""
    for sock in (client, server):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(PATIENCE)
    piece, rounds = b"x" * size, []

    def ask():
        for _ in range(ROUNDS):
            started = time.perf_counter()
            for _ in range(count):
                client.sendall(piece)
            read_exactly(client, count * size)
            rounds.append(time.perf_counter() - started)

    def answer():
        for _ in range(ROUNDS):
            read_exactly(server, count * size)
            for _ in range(count):
                server.sendall(piece)

    together(ask, answer)
    return rounds


def is_swift(rounds):
    return max(rounds) < CORK_TAIL and statistics.median(rounds) < 0.020


def expect_swift(client, server, count, size):
    """A busy machine may delay a round for as long as a timer does, but not at each of three attempts."""
    attempts = []
    for _ in range(3):
        attempts.append(converse(client, server, count, size))
        if is_swift(attempts[-1]):
            return
    told = [f"{sum(seconds >= CORK_TAIL for seconds in rounds)} of {len(rounds)} rounds waited for a timer, worst "
            f"{max(rounds) * 1e3:.0f} ms, median {statistics.median(rounds) * 1e3:.1f} ms" for rounds in attempts]
    raise AssertionError("; ".join(told))


@pytest.mark.parametrize("size", WHOLE)
def test_a_message_written_at_once_never_waits_for_a_timer(wide_stage, size):
    expect_swift(*wide_stage.bridge().pair(), 1, size)


@pytest.mark.parametrize("count, size", PIECES)
def test_a_message_that_comes_in_pieces_never_waits_for_a_timer(wide_stage, count, size):
    expect_swift(*wide_stage.bridge().pair(), count, size)
