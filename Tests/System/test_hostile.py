"""Peers that do odd things, by malice or by age, and what they must not achieve."""

import random
import socket
import time

import pytest

from peers import connect, echo, exchange, expect_fin, finish, read_exactly, reset, serving, together
from processes import wait_until
from sizes import KiB, sized
from streams import Reader, Writer


def cpu_share(proxy, seconds=2.0):
    before = proxy.cpu_seconds()
    time.sleep(seconds)
    return (proxy.cpu_seconds() - before) / seconds


# Urgent bytes

@pytest.mark.matrix("C8")
@pytest.mark.parametrize("who", ["client", "server"])
def test_an_urgent_byte_travels_in_line_and_spins_nothing(stage, who):
    bridge = stage.bridge()
    client, server = bridge.pair()
    sender, receiver = (client, server) if who == "client" else (server, client)
    exchange(sender, receiver)
    sender.sendall(b"before")
    sender.send(b"!", socket.MSG_OOB)
    sender.sendall(b"after")
    assert read_exactly(receiver, 12) == b"before!after"
    sender.send(b"?", socket.MSG_OOB)
    assert cpu_share(bridge.proxy) < 0.20
    sender.sendall(b"the end")
    finish(sender)
    assert read_exactly(receiver, 8) == b"?the end"
    expect_fin(receiver)


@pytest.mark.matrix("C8")
def test_many_urgent_bytes_keep_the_order(stage):
    """Only the last urgent byte is marked; the earlier ones become ordinary ones."""
    bridge = stage.bridge()
    client, server = bridge.pair()
    expected = b""
    for number in range(200):
        client.sendall(b"[%d]" % number)
        client.send(b"!", socket.MSG_OOB)
        expected += b"[%d]!" % number
    assert read_exactly(server, len(expected)) == expected


@pytest.mark.matrix("C8", trials=20)
@pytest.mark.parametrize("who", ["client", "server"])
def test_an_urgent_byte_right_before_the_finish_is_delivered(stage, who):
    """splice(2) stops at the urgent byte and then, as FIN has come, reports the end too early."""
    bridge = stage.bridge()
    for _ in range(20):
        client, server = bridge.pair()
        sender, receiver = (client, server) if who == "client" else (server, client)
        sender.sendall(b"the last byte is urgent")
        sender.send(b"!", socket.MSG_OOB)
        finish(sender)
        assert read_exactly(receiver, 24) == b"the last byte is urgent!"
        expect_fin(receiver)
        client.close()
        server.close()


# Tiny segments

@pytest.mark.parametrize("who", ["client", "server"])
def test_single_byte_segments_pile_up_before_a_stalled_reader_and_arrive_in_order(stage, who):
    """Each byte occupies a buffer of its own, so slots run out long before bytes do."""
    bridge = stage.bridge()
    client, server = bridge.pair()
    sender, receiver = (client, server) if who == "client" else (server, client)
    sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    count = sized(50_000, 1_000_000)

    def drip():
        Writer(sender).write(count, piece=1)
        finish(sender)

    def read_late():
        time.sleep(1)
        reader = Reader(receiver)
        reader.read(count)
        expect_fin(receiver)

    together(drip, read_late)


def test_a_reader_with_a_tiny_window_gets_everything(stage):
    listener = stage.listen()
    listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * KiB)
    proxy = stage.serve(listener.address)
    client = stage.connect(proxy.addresses[0])
    server = stage.keep(listener.accept())
    size = sized(512, 8192) * KiB

    def send():
        Writer(client).write(size)
        finish(client)

    reader = Reader(server)
    together(send, lambda: reader.read(size))
    expect_fin(server)


# Crowds

def test_thousands_of_short_connections_leave_nothing_behind(stage):
    """Both ends close in every possible way; the descriptors are counted when the test is over."""
    bridge = stage.bridge()
    address, total, threads = bridge.proxy.addresses[0], sized(4_000, 100_000), 4

    def serve_oddly(sock):
        fate = random.random()
        if fate < 0.6:
            echo(sock)
        elif fate < 0.8:
            sock.recv(100)
            reset(sock)

    def visit(seed):
        dice = random.Random(seed)
        for _ in range(total // threads):
            try:
                with connect(address) as sock:
                    visit_once(sock, dice.random())
            except TimeoutError:
                raise
            except OSError:
                pass  # The other end chose to be rude.

    with stage.lab.inside("A"), serving(bridge.listener, serve_oddly):
        together(*(lambda seed=seed: visit(seed) for seed in range(threads)))
        bridge.proxy.counters_once(10, accepted=total, closed=total, active=0)
    stage.expect_quiet(bridge.proxy)


def visit_once(sock, fate):
    if fate < 0.2:
        return
    sock.sendall(b"x" * int(fate * 5000))
    if fate < 0.5:
        return
    if fate < 0.7:
        reset(sock)
        return
    finish(sock)
    while sock.recv(65536):
        pass


def test_clients_above_the_bound_hurt_nobody_and_are_served_when_there_is_room(stage):
    """They wait or are sent away; the sessions that exist do not notice."""
    bridge = stage.bridge("--max-connections", "10")
    address = bridge.proxy.addresses[0]
    with serving(bridge.listener, echo):
        clients = []
        for _ in range(10):
            clients.append(stage.connect(address))
            # Served before the next comes: each worker has an accept queue of its own, and any of them may be emptied first.
            assert answers(clients[-1])
        surplus = [stage.connect(address) for _ in range(10)]
        for client in clients:
            assert answers(client)
        assert cpu_share(bridge.proxy, 1.0) < 0.20
        for sock in (*surplus, clients.pop()):
            sock.close()
        wait_until(lambda: is_served(stage, address), 5, "room for a new client")
        for client in clients:
            assert answers(client)


def answers(client):
    client.sendall(b"echo?")
    return client.recv(5, socket.MSG_WAITALL) == b"echo?"


def is_served(stage, address):
    try:
        return answers(stage.connect(address, patience=1))
    except OSError:
        return False
