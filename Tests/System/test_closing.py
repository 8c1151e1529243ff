"""How connections end: each direction on its own, FIN as FIN, RST as RST, and nothing lost before."""

import socket
import sys
import time

import pytest

from lab import endpoint
from peers import (exchange, expect_fin, expect_reset, finish, reset, time_until_reset, together,
                   unacknowledged)
from processes import wait_until
from sizes import KiB, MiB, sized
from streams import Reader, Writer

ROUNDS = sized(5, 200)
LONG = sized(8, 100) * MiB
TOLERANCE = 1.0
"""A timer may fire this late on a busy machine."""


def ordered(pair, first):
    """The pair with the end that acts first in front."""
    client, server = pair
    return (client, server) if first == "client" else (server, client)


def write_and_finish(sock, size):
    Writer(sock).write(size)
    finish(sock)


# FIN

@pytest.mark.matrix("B1", trials=ROUNDS)
@pytest.mark.parametrize("first", ["client", "server"])
def test_after_one_end_finished_the_other_still_sends_everything(stage, first):
    bridge = stage.bridge()
    for _ in range(ROUNDS):
        early, late = ordered(bridge.pair(), first)
        early.sendall(b"that is all")
        finish(early)
        assert late.recv(64) == b"that is all"
        expect_fin(late)
        reader = Reader(early)
        together(lambda: write_and_finish(late, LONG), lambda: reader.read(LONG))
        expect_fin(early)
        early.close()
        late.close()


@pytest.mark.matrix("B1")
@pytest.mark.parametrize("first", ["client", "server"])
def test_unix_sockets_close_one_direction_at_a_time_too(stage, first):
    bridge = stage.bridge(listen=f"unix:{stage.lab.fresh_path('.sock')}",
                          upstream=f"unix:{stage.lab.fresh_path('.sock')}")
    early, late = ordered(bridge.pair(), first)
    reader = Reader(late)
    together(lambda: write_and_finish(early, LONG), lambda: reader.read(LONG))
    expect_fin(late)
    reader = Reader(early)
    together(lambda: write_and_finish(late, LONG), lambda: reader.read(LONG))
    expect_fin(early)


@pytest.mark.matrix("B1")
@pytest.mark.parametrize("first", ["client", "server"])
def test_a_finish_without_any_byte_is_passed_on_at_once(stage, first):
    early, late = ordered(stage.bridge().pair(), first)
    finish(early)
    late.settimeout(1)
    expect_fin(late)
    late.sendall(b"still here")
    assert early.recv(64) == b"still here"


def test_a_clean_end_never_becomes_a_reset(stage):
    """Many short sessions in which both ends finish at about the same moment."""
    bridge = stage.bridge()
    for _ in range(sized(200, 5000)):
        client, server = bridge.pair()
        client.sendall(b"question")
        finish(client)
        server.sendall(b"answer")
        finish(server)
        for sock, words in ((server, b"question"), (client, b"answer")):
            assert sock.recv(64, socket.MSG_WAITALL) == words
            expect_fin(sock)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            sock.close()


@pytest.mark.parametrize("first", ["client", "server"])
def test_what_a_sleeping_reader_has_not_read_survives_the_finish(stage, first):
    """Sizes around multiples of a default pipe's 64 KiB, all at once."""
    bridge = stage.bridge()
    sizes = [k * 64 * KiB + extra for k in (1, 2, 3, 16, 64) for extra in (-1, 0, 1, 4095)]
    sessions = [(size, *ordered(bridge.pair(), first)) for size in sizes]

    def read_late():
        time.sleep(sized(0.5, 5))
        for size, _, late in sessions:
            reader = Reader(late)
            reader.read(size)
            expect_fin(late)

    writers = [lambda size=size, early=early: write_and_finish(early, size)
               for size, early, _ in sessions]
    together(read_late, *writers)


@pytest.mark.matrix("B4")
@pytest.mark.parametrize("first", ["client", "server"])
def test_a_pair_that_was_held_up_both_ways_still_ends_with_fins(stage, first):
    """Both ends write a lot, finish, and read late, one after the other. When the first has read
    all, its connection is finished in both directions while bytes of its own still wait in the
    proxy: poll(2) calls that a hang-up, but it is no loss."""
    bridge = stage.bridge()

    def one_round(waiting, flowing):
        patient, hasty = ordered(bridge.pair(), first)

        def read_late():
            time.sleep(0.3)
            for sock, size in ((hasty, flowing), (patient, waiting)):
                Reader(sock).read(size)
                expect_fin(sock)

        together(lambda: write_and_finish(hasty, waiting),
                 lambda: write_and_finish(patient, flowing), read_late)
        patient.close()
        hasty.close()

    for waiting in sized((2, 8, 32), (1, 2, 4, 6, 8, 12, 16, 32)):
        one_round(waiting * MiB, 32 * MiB)


# RST

@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("when", ["idle", "sending", "receiving"])
def test_a_reset_reaches_the_other_end_within_a_second(stage, who, when):
    """Repeated, since a proxy that learns of the reset from two calls at once may misread one."""
    bridge = stage.bridge()
    for _ in range(sized(20, 500)):
        culprit, victim = ordered(bridge.pair(), who)
        exchange(culprit, victim)
        if when == "idle":
            reset(culprit)
            expect_reset(victim)
        elif when == "sending":
            reset_while_sending(culprit, victim)
        else:
            reset_while_receiving(culprit, victim)
        victim.close()


def reset_while_sending(culprit, victim):
    """The victim gets an exact prefix (the reader checks it), then the reset."""
    reader, moment = Reader(victim), []

    def send_and_reset():
        Writer(culprit).write(8 * MiB + 12345)
        moment.append(time.monotonic())
        reset(culprit)

    def read():
        assert reader.read_to_end() == "reset"
        moment.append(time.monotonic())

    together(send_and_reset, read)
    assert 0 < reader.position <= 8 * MiB + 12345
    assert abs(moment[1] - moment[0]) < TOLERANCE


def reset_while_receiving(culprit, victim):
    """The victim is in the middle of sending when it is told, and not first told of a clean end:
    then its error would be a broken pipe."""
    reader, moment = Reader(culprit), []

    def read_and_reset():
        reader.read(4 * MiB)
        moment.append(time.monotonic())
        reset(culprit)

    def send():
        with pytest.raises(ConnectionResetError):
            Writer(victim).write(1024 * MiB)
        moment.append(time.monotonic())

    together(read_and_reset, send)
    assert moment[1] - moment[0] < TOLERANCE


@pytest.mark.matrix("B3")
@pytest.mark.parametrize("who", ["client", "server"])
def test_a_reset_after_a_finish_is_passed_on_too(stage, who):
    culprit, victim = ordered(stage.bridge().pair(), who)
    exchange(culprit, victim)
    finish(culprit)
    expect_fin(victim)
    reset(culprit)
    expect_reset(victim)


@pytest.mark.matrix("B3")
@pytest.mark.parametrize("who", ["client", "server"])
def test_bytes_that_came_before_a_reset_are_delivered(stage, who):
    """The sender's bytes are known to be with the proxy or beyond before it resets."""
    culprit, victim = ordered(stage.bridge().pair(), who)
    writer, reader = Writer(culprit), Reader(victim)
    writer.write(100_000)
    reader.read(1)
    wait_until(lambda: unacknowledged(culprit) == 0, what="all bytes acknowledged by the proxy")
    reset(culprit)
    assert reader.read_to_end() == "reset"
    assert reader.position == 100_000


SERVER_PROGRAM = """
import socket, sys, time
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
sock, _ = listener.accept()
while True:
    {action}
"""


def start_server_program(stage, action):
    host, port = stage.lab.address("C"), stage.lab.free_port("C")
    program = stage.start("C", [sys.executable, "-c", SERVER_PROGRAM.format(action=action),
                                host, port])
    stage.lab.wait_port("C", port)
    return program, endpoint(host, port)


def test_a_killed_server_that_had_unread_bytes_resets_the_client(stage):
    program, upstream = start_server_program(stage, "time.sleep(1)")
    client = stage.connect(stage.serve(upstream).addresses[0])

    def send_in_vain():
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            Writer(client).write(1024 * MiB)

    def kill():
        time.sleep(0.5)
        program.kill()

    started = time.monotonic()
    together(kill, send_in_vain)
    assert time.monotonic() - started < 0.5 + TOLERANCE


def test_a_killed_server_that_was_sending_ends_the_client_cleanly(stage):
    """The kernel finishes a dead process's socket with FIN after what it had accepted."""
    program, upstream = start_server_program(stage, "sock.sendall(bytes(65536))")
    client = stage.connect(stage.serve(upstream).addresses[0])
    received = len(client.recv(65536))
    program.kill()
    killed = time.monotonic()
    while piece := client.recv(1 << 20):
        received += len(piece)
        assert not piece.strip(b"\0")
    assert received > 0
    assert time.monotonic() - killed < TOLERANCE


# Deadlines

def test_an_idle_pair_is_reset_after_the_idle_timeout(stage):
    bridge = stage.bridge("--idle-timeout", "1s")
    client, server = bridge.pair()
    exchange(client, server)
    assert 0.9 <= time_until_reset(client) <= 1 + TOLERANCE
    expect_reset(server)
    bridge.proxy.counters_once(idle_timeout=1)


@pytest.mark.parametrize("speaker", ["client", "server"])
def test_a_pair_that_speaks_in_one_direction_only_is_not_idle(stage, speaker):
    bridge = stage.bridge("--idle-timeout", "1s")
    sender, receiver = ordered(bridge.pair(), speaker)
    for _ in range(8):
        time.sleep(0.3)
        sender.sendall(b".")
        assert receiver.recv(1) == b"."
    assert bridge.proxy.counters()["idle_timeout"] == 0


@pytest.mark.parametrize("first", ["client", "server"])
def test_a_half_closed_silent_pair_is_reset_after_the_fin_timeout(stage, first):
    bridge = stage.bridge("--fin-timeout", "1s")
    early, late = ordered(bridge.pair(), first)
    exchange(early, late)
    started = time.monotonic()
    finish(early)
    expect_fin(late)
    expect_reset(early, 1 + 2 * TOLERANCE)
    assert 0.9 <= time.monotonic() - started <= 1 + TOLERANCE
    expect_reset(late)
    bridge.proxy.counters_once(fin_timeout=1)


@pytest.mark.matrix("B1")
@pytest.mark.parametrize("first", ["client", "server"])
def test_a_half_closed_pair_that_still_speaks_lives_on(stage, first):
    early, late = ordered(stage.bridge("--fin-timeout", "1s").pair(), first)
    finish(early)
    expect_fin(late)
    for _ in range(8):
        time.sleep(0.3)
        late.sendall(b".")
        assert early.recv(1) == b"."
    finish(late)
    expect_fin(early)
