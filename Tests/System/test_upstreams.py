"""Where connections lead: refusal, silence, turns and second choices."""

import time

import pytest

from lab import endpoint
from peers import exchange, expect_fin, expect_reset, finish, together
from sizes import MiB, sized
from streams import Reader, Writer

SILENT = {4: "10.77.2.99", 6: "fd77:2::99"}


def refusing(stage):
    """An address at which nobody listens."""
    return endpoint(stage.lab.address("C"), stage.lab.free_port("C"))


def silent(stage, family=4):
    """An address that never answers: its link-layer address belongs to nobody."""
    host = SILENT[family]
    stage.lab.run("B", ["ip", "neigh", "replace", host, "lladdr", "02:00:00:00:00:99",
                        "dev", "b-c", "nud", "permanent"])
    return endpoint(host, 9)


def time_until_closed(client):
    """However the proxy closes: FIN or RST."""
    started = time.monotonic()
    try:
        assert client.recv(1) == b""
    except ConnectionResetError:
        pass
    return time.monotonic() - started


def expect_refusal(stage, proxy):
    """The reset may come so soon that the client sees it while it still connects."""
    try:
        client = stage.connect(proxy.addresses[0])
    except ConnectionResetError:
        return
    expect_reset(client)


# Failure

def test_a_refused_connection_resets_the_client_promptly(stage):
    proxy = stage.serve(refusing(stage))
    for _ in range(20):
        expect_refusal(stage, proxy)
    proxy.counters_once(accepted=20, closed=20, active=0)


def test_a_missing_unix_upstream_resets_the_client_promptly(stage):
    proxy = stage.serve(f"unix:{stage.lab.fresh_path('.sock')}")
    expect_refusal(stage, proxy)


@pytest.mark.parametrize("family", [4, 6], ids=["IPv4", "IPv6"])
def test_a_silent_upstream_closes_the_client_after_the_connect_timeout(wide_stage, family):
    proxy = wide_stage.serve(silent(wide_stage, family), "--connect-timeout", "1s")
    client = wide_stage.connect(proxy.addresses[0])
    client.sendall(b"anybody there?")
    assert 0.9 <= time_until_closed(client) <= 2.5


def test_an_unreachable_upstream_closes_the_client_promptly(stage):
    stage.lab.run("B", ["ip", "route", "replace", "unreachable", "192.0.2.0/24"])
    proxy = stage.serve("192.0.2.1:9")
    assert time_until_closed(stage.connect(proxy.addresses[0])) < 1


def test_a_client_that_leaves_while_its_upstream_is_silent_leaves_nothing_behind(wide_stage):
    proxy = wide_stage.serve(silent(wide_stage), "--connect-timeout", "2s")
    for _ in range(10):
        wide_stage.connect(proxy.addresses[0]).close()
    time.sleep(0.2)
    assert wide_stage.connect(proxy.addresses[0])


# Choice

def test_upstreams_take_turns(stage):
    first, second = stage.listen(), stage.listen()
    proxy = stage.serve([first.address, second.address], "--workers", "1")
    for _ in range(5):
        for _ in range(2):
            stage.connect(proxy.addresses[0])
        for listener in (first, second):
            stage.keep(listener.accept(2))


def test_the_next_upstream_is_tried_when_one_refuses(stage):
    listener = stage.listen()
    proxy = stage.serve([refusing(stage), listener.address, refusing(stage)])
    for _ in range(9):
        client = stage.connect(proxy.addresses[0])
        exchange(client, stage.keep(listener.accept()))


def test_the_next_upstream_is_tried_when_one_is_silent(wide_stage):
    listener = wide_stage.listen()
    proxy = wide_stage.serve([silent(wide_stage), listener.address], "--connect-timeout", "500ms")
    for _ in range(3):
        client = wide_stage.connect(proxy.addresses[0])
        exchange(client, wide_stage.keep(listener.accept(3)))


def test_the_client_is_reset_when_all_upstreams_refuse(stage):
    proxy = stage.serve([refusing(stage), refusing(stage), refusing(stage)])
    expect_refusal(stage, proxy)


def test_an_upstream_that_returns_is_used_again(stage):
    address = refusing(stage)
    proxy = stage.serve(address)
    expect_refusal(stage, proxy)
    listener = stage.listen(address)
    client = stage.connect(proxy.addresses[0])
    exchange(client, stage.keep(listener.accept()))


def test_a_host_name_is_resolved(stage):
    listener = stage.listen()
    proxy = stage.serve(f"localhost:{listener.address.rpartition(':')[2]}")
    client = stage.connect(proxy.addresses[0])
    exchange(client, stage.keep(listener.accept()))


# More than one way in, and the embedded server

def test_every_listener_is_served(stage):
    listener = stage.listen()
    wanted = [endpoint(stage.lab.address("B"), 0), endpoint(stage.lab.address("B", 6), 0),
              f"unix:{stage.lab.fresh_path('.sock')}"]
    proxy = stage.serve(listener.address, listen=wanted)
    assert len(proxy.addresses) == 3
    for address in proxy.addresses:
        client = stage.connect(address)
        exchange(client, stage.keep(listener.accept()))


def test_the_embedded_echo_server_returns_everything(stage):
    proxy, size = stage.serve("echo"), sized(32, 1024) * MiB
    client = stage.connect(proxy.addresses[0])
    writer, reader = Writer(client), Reader(client)

    def send():
        writer.write(size)
        finish(client)

    together(send, lambda: reader.read(size))
    expect_fin(client)
