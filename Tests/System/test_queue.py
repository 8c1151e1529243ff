"""Servers with limits, and clients that wait until one has room."""

import contextlib
import os
import signal
import socket
import threading
import time

import pytest

import records
from lab import endpoint
from peers import exchange, expect_fin, expect_reset, finish, read_exactly, reset, together
from processes import wait_until
from test_configuration import serve
from test_fallback import PAGE, everything, page
from test_upstreams import expect_refusal


def limited(stage, servers, limits, workers=1, more="", process=""):
    """One pool whose servers have limits."""
    here = endpoint(stage.lab.address("B"), 0)
    listed = ", ".join(f'"{server.address}"' for server in servers)
    return serve(stage, f"""
workers: {workers}
{process}
listeners: [{{ name: only, bind: ["{here}"] }}]
pools:
  - name: only
    servers: [{listed}]
    server_limits: {{ {limits} }}
{more}
""")


def waiting(proxy, count):
    wait_until(lambda: proxy.counters()["waiting"] == count, 10, f"{count} clients that wait", 0.02)


def pair(stage, proxy, listener):
    client = stage.connect(proxy.addresses[0])
    server = stage.keep(listener.accept())
    exchange(client, server)
    return client, server


def leave(client, server):
    """Both ends, in good order."""
    finish(client)
    expect_fin(server)
    finish(server)
    expect_fin(client)


def nobody_comes(listener, within=0.3):
    with pytest.raises(TimeoutError):
        listener.accept(within)


class Crowded:
    """A server that counts how many connections it has at a time, and answers each client's number."""

    def __init__(self, stage):
        self.listener = stage.listen()
        self.address = self.listener.address
        self.now = self.most = self.served = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        self.listener.sock.settimeout(None)
        while True:
            try:
                sock, _ = self.listener.sock.accept()
            except OSError:
                return
            with self._lock:
                self.now += 1
                self.served += 1
                self.most = max(self.most, self.now)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with contextlib.suppress(OSError), sock:
            sock.settimeout(30)
            said = read_exactly(sock, 8)
            time.sleep(0.005)
            sock.sendall(said)
            sock.recv(1)
            # Before the end, so that the proxy is never sooner than this count.
            with self._lock:
                self.now -= 1


@pytest.mark.parametrize("balance", ["round_robin", "random_two", "least_connections", "source_hash", "first"])
def test_no_server_ever_has_more_than_its_limit_however_many_come_through_two_workers(stage, balance):
    servers = [Crowded(stage) for _ in range(2)]
    proxy = limited(stage, servers, "connections: 3, queue: 1000, queue_timeout: 60s", workers=2,
                    more=f"    balance: {balance}")

    def come(first):
        def many():
            for number in range(first, first + 15):
                with stage.lab.inside("A"):
                    sock = socket.create_connection(parsed(proxy.addresses[0]), 60)
                with sock:
                    sock.sendall(number.to_bytes(8, "big"))
                    assert read_exactly(sock, 8) == number.to_bytes(8, "big")
        return many

    together(*(come(100 * number) for number in range(24)), timeout=120)
    assert sum(server.served for server in servers) == 24 * 15
    assert all(server.most <= 3 for server in servers), [server.most for server in servers]
    counters = proxy.counters_once(active=0, waiting=0, refused_queue_full=0, refused_queue_timeout=0)
    assert counters["queued"] > 100 and counters["finished"] == 24 * 15


def parsed(address):
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def test_clients_are_served_in_the_order_in_which_they_came(stage):
    listener = stage.listen()
    proxy = limited(stage, [listener], "connections: 1, queue: 20, queue_timeout: 60s")
    held = pair(stage, proxy, listener)
    clients = []
    for number in range(12):
        clients.append(stage.connect(proxy.addresses[0]))
        clients[-1].sendall(bytes([number]))
        waiting(proxy, number + 1)
    nobody_comes(listener)
    for number, client in enumerate(clients):
        leave(*held)
        server = stage.keep(listener.accept())
        assert read_exactly(server, 1) == bytes([number])
        held = client, server
    proxy.counters_once(waiting=0, queued=12)


def test_what_waiting_clients_say_arrives_whole_and_so_do_their_ends(stage):
    listener = stage.listen()
    proxy = limited(stage, [listener], "connections: 1, queue: 5, queue_timeout: 60s")
    held = pair(stage, proxy, listener)
    said = os.urandom(50_000)
    clients = [stage.connect(proxy.addresses[0]) for _ in range(3)]
    for client in clients:
        client.sendall(said)
        finish(client)
    waiting(proxy, 3)
    time.sleep(0.3)
    waiting(proxy, 3)
    leave(*held)
    for _ in clients:
        server = stage.keep(listener.accept())
        assert everything(server) == said
        server.sendall(said[::-1])
        server.close()
    for client in clients:
        assert everything(client) == said[::-1]
    proxy.counters_once(active=0, finished=4)


def test_who_is_one_too_many_is_reset_at_once_and_told_in_the_log(stage):
    log = stage.lab.fresh_path(".access")
    listener = stage.listen()
    proxy = limited(stage, [listener], "connections: 1, queue: 1, queue_timeout: 60s",
                    process=f"access_log: {{ to: {log} }}")
    held = pair(stage, proxy, listener)
    patient = stage.connect(proxy.addresses[0])
    waiting(proxy, 1)
    for _ in range(3):
        expect_refusal(stage, proxy)
    proxy.counters_once(refused_queue_full=3, queued=1, active=2)
    exchange(*held)
    leave(*held)
    exchange(patient, stage.keep(listener.accept()))
    found = [record for record in records.wait_for(log, 4) if record["end"] == "queue_full"]
    assert len(found) == 3
    assert {(record["ended_by"], record["attempts"]) for record in found} == {("longsplice", 0)}
    proxy.process.wait_for_output(r"WARNING .*queue of its pool were full", 3)


def test_nobody_waits_where_there_is_no_queue(stage):
    listener = stage.listen()
    proxy = limited(stage, [listener], "connections: 2")
    held = [pair(stage, proxy, listener) for _ in range(2)]
    expect_refusal(stage, proxy)
    leave(*held[0])
    proxy.counters_once(active=1)
    pair(stage, proxy, listener)
    proxy.counters_once(refused_queue_full=1, queued=0)


def test_a_client_waits_for_the_queue_timeout_and_no_longer(stage):
    log = stage.lab.fresh_path(".access")
    listener = stage.listen()
    proxy = limited(stage, [listener], "connections: 1, queue: 5, queue_timeout: 1s",
                    process=f"access_log: {{ to: {log} }}")
    held = pair(stage, proxy, listener)
    started = time.monotonic()
    client = stage.connect(proxy.addresses[0])
    client.sendall(b"is anybody there?")
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert 0.95 <= time.monotonic() - started <= 5
    proxy.counters_once(refused_queue_timeout=1, waiting=0, active=1)
    record, = records.wait_for(log, 1)
    assert (record["end"], record["ended_by"], record["connect_ms"]) == ("queue_timeout", "longsplice", None)
    exchange(*held)


def test_without_a_time_of_its_own_a_client_waits_as_long_as_for_a_connect(stage):
    listener = stage.listen()
    proxy = limited(stage, [listener], "connections: 1, queue: 5", more="    connect: { timeout: 500ms }")
    pair(stage, proxy, listener)
    started = time.monotonic()
    client = stage.connect(proxy.addresses[0])
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert 0.45 <= time.monotonic() - started <= 4


def test_who_waits_in_vain_gets_the_page(stage):
    listener = stage.listen()
    proxy = limited(stage, [listener], "connections: 1, queue: 1, queue_timeout: 500ms",
                    more=f"    fallback_file: {page(stage)}")
    pair(stage, proxy, listener)
    first, second = (stage.connect(proxy.addresses[0]) for _ in range(2))
    for client in (second, first):
        assert everything(client) == PAGE
        finish(client)
    proxy.counters_once(refused_queue_timeout=1, refused_queue_full=1, answered=2, active=1)


@pytest.mark.parametrize("ended", [False, True], ids=["talking", "ended"])
def test_a_client_that_is_gone_gives_its_place_to_the_next(stage, ended):
    listener = stage.listen()
    proxy = limited(stage, [listener], "connections: 1, queue: 2, queue_timeout: 60s")
    held = pair(stage, proxy, listener)
    gone, patient = (stage.connect(proxy.addresses[0]) for _ in range(2))
    gone.sendall(b"unheard")
    waiting(proxy, 2)
    if ended:
        finish(gone)
        time.sleep(0.2)
        waiting(proxy, 2)
    reset(gone)
    proxy.counters_once(client_reset=1, waiting=1, active=2)
    last = stage.connect(proxy.addresses[0])
    waiting(proxy, 2)
    for client in (patient, last):
        leave(*held)
        server = stage.keep(listener.accept())
        exchange(client, server)
        held = client, server


def test_a_place_that_one_worker_frees_is_taken_by_a_client_of_another(stage):
    listener = stage.listen()
    proxy = limited(stage, [listener], "connections: 1, queue: 20, queue_timeout: 60s", workers=2)
    held = pair(stage, proxy, listener)
    # Newcomers go to the worker with fewer connections, so both have some that wait.
    clients = []
    for number in range(10):
        client = stage.connect(proxy.addresses[0])
        client.sendall(bytes([number]))
        waiting(proxy, number + 1)
        clients.append(client)
    assert proxy.counters()["queued"] == 10
    order = []
    for _ in clients:
        started = time.monotonic()
        leave(*held)
        server = stage.keep(listener.accept())
        assert time.monotonic() - started < 5
        number, = read_exactly(server, 1)
        order.append(number)
        held = clients[number], server
    # Whoever has waited longest is next, unless its worker was kept from running for 50 ms.
    assert all(abs(place - number) <= 3 for place, number in enumerate(order)), order


def test_a_drain_serves_those_who_wait(stage):
    listener = stage.listen()
    proxy = limited(stage, [listener], "connections: 1, queue: 5, queue_timeout: 60s", workers=2)
    held = pair(stage, proxy, listener)
    clients = [stage.connect(proxy.addresses[0]) for _ in range(3)]
    for number, client in enumerate(clients):
        client.sendall(bytes([number]))
    waiting(proxy, 3)
    proxy.signal(signal.SIGTERM)
    for _ in clients:
        leave(*held)
        server = stage.keep(listener.accept())
        number, = read_exactly(server, 1)
        held = clients[number], server
    leave(*held)
    assert proxy.wait() == 0
