"""--max-connections-per-client: how many connections one client address may have at a time."""

import contextlib
import socket
import time

import pytest

from lab import endpoint
from peers import exchange, expect_fin, expect_reset, finish, parse, reset
from test_upstreams import refusing, silent


def connect_from(stage, source, address):
    """A client with a source address of its own choice."""
    family, target = parse(address)
    with stage.lab.inside("A"):
        sock = stage.keep(socket.socket(family))
        sock.settimeout(5)
        sock.bind((source, 0))
        sock.connect(target)
    return sock


def is_refused(stage, source, address):
    """The reset may come so soon that it is seen while connecting."""
    try:
        client = connect_from(stage, source, address)
        expect_reset(client)
    except ConnectionResetError:
        pass
    return True


def served(stage, bridge, source, address):
    client = connect_from(stage, source, address)
    server = stage.keep(bridge.listener.accept(5))
    exchange(client, server)
    return client, server


def test_each_client_has_a_bound_of_its_own(stage):
    bridge = stage.bridge("--max-connections-per-client", "2")
    address = bridge.proxy.addresses[0]
    first = [served(stage, bridge, "127.0.0.1", address) for _ in range(2)]
    assert is_refused(stage, "127.0.0.1", address)
    second = [served(stage, bridge, "127.0.0.2", address) for _ in range(2)]
    assert is_refused(stage, "127.0.0.2", address)
    for client, server in first + second:
        exchange(client, server, b"not disturbed")
    bridge.proxy.counters_once(refused_per_client=2, active=4)

    # Who leaves makes room for one.
    client, server = first[0]
    client.close()
    expect_fin(server)
    server.close()
    bridge.proxy.counters_once(active=3)
    served(stage, bridge, "127.0.0.1", address)
    assert is_refused(stage, "127.0.0.1", address)
    bridge.proxy.process.wait_for_output(
        "WARNING a connection above --max-connections-per-client was reset ", 3)


def test_ipv6_clients_share_the_bound_of_their_network(stage):
    for number in (1, 2):
        stage.lab.run("B", ["ip", "address", "replace", f"fd99:{number}::1/128", "dev", "lo"])
        stage.lab.run("B", ["ip", "address", "replace", f"fd99:{number}::2/128", "dev", "lo"])
    bridge = stage.bridge("--max-connections-per-client", "1", listen=endpoint("::1", 0))
    address = bridge.proxy.addresses[0]
    kept = served(stage, bridge, "fd99:1::1", address)
    assert is_refused(stage, "fd99:1::2", address)
    exchange(*served(stage, bridge, "fd99:2::1", address))
    exchange(*kept)


def test_unix_clients_are_not_bounded(stage):
    bridge = stage.bridge("--max-connections-per-client", "1", listen=f"unix:{stage.lab.fresh_path('.sock')}")
    for pair in [bridge.pair() for _ in range(5)]:
        exchange(*pair)


def test_every_way_to_end_gives_the_place_back(stage):
    bridge = stage.bridge("--max-connections-per-client", "1", "--idle-timeout", "1s", "--fin-timeout", "500ms")
    address = bridge.proxy.addresses[0]

    accepted = 0

    def ended():
        nonlocal accepted
        accepted += 1
        bridge.proxy.counters_once(closed=accepted)

    for _ in range(3):
        client, server = served(stage, bridge, "127.0.0.1", address)
        finish(client)
        expect_fin(server)
        finish(server)
        ended()
        client, server = served(stage, bridge, "127.0.0.1", address)
        reset(client)
        ended()
        client, server = served(stage, bridge, "127.0.0.1", address)
        reset(server)
        ended()
    client, server = served(stage, bridge, "127.0.0.1", address)
    expect_reset(client, 4)  # idle
    ended()
    client, server = served(stage, bridge, "127.0.0.1", address)
    finish(client)
    expect_reset(server, 4)  # half-closed and silent
    ended()
    bridge.listener.close()
    for _ in range(20):
        with contextlib.suppress(ConnectionResetError):
            expect_reset(connect_from(stage, "127.0.0.1", address))  # refused upstream
        ended()
    bridge.proxy.counters_once(refused_per_client=0, connect_failed=20)


def test_a_client_that_leaves_while_it_waits_for_an_upstream_gives_its_place_back(wide_stage):
    proxy = wide_stage.serve(silent(wide_stage), "--max-connections-per-client", "1", "--connect-timeout", "300ms")
    for number in range(3):
        wide_stage.connect(proxy.addresses[0]).close()
        proxy.counters_once(closed=number + 1)
    proxy.counters_once(refused_per_client=0, accepted=3)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_client_that_hammers_is_held_to_its_bound_and_all_are_counted(stage, workers):
    proxy = stage.serve("echo", "--max-connections-per-client", "8", "--workers", workers)
    held, knocks = [], 0
    end = time.monotonic() + 2
    while time.monotonic() < end:
        knocks += 1
        with contextlib.suppress(ConnectionResetError):
            client = connect_from(stage, "127.0.0.1", proxy.addresses[0])
            held.append(client)
        if len(held) > 40:
            for client in held:
                client.close()
            held.clear()
    for client in held:
        client.close()
    # All of them, those too that were still in the accept queue.
    counters = proxy.counters_once(active=0, accepted=knocks, closed=knocks)
    assert counters["refused_per_client"] > 0
    # All places are free again.
    eight = [connect_from(stage, "127.0.0.1", proxy.addresses[0]) for _ in range(8)]
    for client in eight:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    assert proxy.counters()["refused_per_client"] == counters["refused_per_client"]


def test_a_refused_connection_does_not_need_an_upstream(stage):
    proxy = stage.serve([refusing(stage), "echo"], "--max-connections-per-client", "1", "--workers", "1")
    client = connect_from(stage, "127.0.0.1", proxy.addresses[0])
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    before = proxy.counters()["connect_attempts"]
    assert is_refused(stage, "127.0.0.1", proxy.addresses[0])
    assert proxy.counters()["connect_attempts"] == before
