"""Options of sockets, seen on the sockets themselves and by what they do."""

import contextlib
import os
import socket
import stat
import time

import pytest

from foreign import connected_to, listening, sockets_of
from lab import endpoint
from peers import exchange, expect_fin, finish
from processes import wait_until
from proxies import binary
from test_configuration import one_pool, serve, written

OPTIONS = "user_timeout: 31s, keepalive: { idle: 61s, interval: 11s, probes: 7 }, congestion_control: reno"


def options_of(sock):
    def of(name):
        return sock.getsockopt(socket.IPPROTO_TCP, name)

    return {
        "user_timeout": of(socket.TCP_USER_TIMEOUT),
        "keepalive": (sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), of(socket.TCP_KEEPIDLE),
                      of(socket.TCP_KEEPINTVL), of(socket.TCP_KEEPCNT)),
        "congestion_control": sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0"),
        "no_delay": of(socket.TCP_NODELAY),
    }


WANTED = {"user_timeout": 31_000, "keepalive": (1, 61, 11, 7), "congestion_control": b"reno", "no_delay": 1}


def pair_through(stage, proxy, listener, number=0):
    client = stage.connect(proxy.addresses[number])
    server = stage.keep(listener.accept(5))
    exchange(client, server)
    return client, server


# Of a listener

def test_accepted_sockets_have_the_listeners_options_and_the_others_do_not(stage):
    listener = stage.listen()
    proxy = one_pool(stage, f'    servers: ["{listener.address}"]', f", {OPTIONS}")
    for client, server in [pair_through(stage, proxy, listener) for _ in range(2)]:
        with sockets_of(proxy.pid) as sockets:
            assert options_of(connected_to(sockets, client)) == WANTED
            assert options_of(connected_to(sockets, server))["keepalive"][0] == 0


def test_servers_sockets_have_the_pools_options_and_the_others_do_not(stage):
    listener = stage.listen()
    proxy = one_pool(stage, f'    servers: ["{listener.address}"]\n    connect: {{ {OPTIONS} }}')
    client, server = pair_through(stage, proxy, listener)
    with sockets_of(proxy.pid) as sockets:
        assert options_of(connected_to(sockets, server)) == WANTED
        assert options_of(connected_to(sockets, client))["keepalive"][0] == 0


def fast_opened(stage):
    """Connections whose SYN brought data, in the proxy's namespace."""
    with stage.lab.inside("B"), open("/proc/thread-self/net/netstat") as file:
        lines = [line.split() for line in file if line.startswith("TcpExt:")]
    return int(dict(zip(*lines))["TCPFastOpenPassive"])


def test_data_may_come_with_the_syn(stage):
    before = stage.lab.sysctl("B", "net.ipv4.tcp_fastopen")
    stage.lab.sysctl("B", "net.ipv4.tcp_fastopen", "3")
    try:
        proxy = one_pool(stage, "    servers: [echo]", ", tcp_fastopen: 16")
        with sockets_of(proxy.pid) as sockets:
            queues = [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN) for each in listening(sockets)]
        assert sorted(queues) == [0, 16]  # the embedded echo server's and ours
        host, _, port = proxy.addresses[0].rpartition(":")
        opened = fast_opened(stage)

        def knock():
            with stage.lab.inside("A"):
                client = stage.keep(socket.socket())
            # With a time it would not wait for the connection.
            client.settimeout(None)
            client.sendto(b"hello", socket.MSG_FASTOPEN, (host, int(port)))
            client.settimeout(5)
            assert client.recv(5, socket.MSG_WAITALL) == b"hello"

        # The first one only gets a cookie.
        knock()
        knock()
        assert fast_opened(stage) > opened
    finally:
        stage.lab.sysctl("B", "net.ipv4.tcp_fastopen", before.strip())


def test_where_the_kernel_takes_no_data_with_a_syn_it_is_said(stage):
    before = stage.lab.sysctl("B", "net.ipv4.tcp_fastopen")
    stage.lab.sysctl("B", "net.ipv4.tcp_fastopen", "1")
    try:
        proxy = one_pool(stage, "    servers: [echo]", ", tcp_fastopen: 16")
        assert "WARNING net.ipv4.tcp_fastopen is 1, so no data comes with a SYN" in proxy.output()
    finally:
        stage.lab.sysctl("B", "net.ipv4.tcp_fastopen", before.strip())


def test_a_client_is_accepted_with_its_first_bytes(stage):
    proxy = one_pool(stage, "    servers: [echo]", ", tcp_defer_accept: 60s")
    client = stage.connect(proxy.addresses[0])
    time.sleep(0.3)
    assert proxy.counters()["accepted"] == 0
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    assert proxy.counters()["accepted"] == 1


def test_listeners_of_one_address_share_it_by_interface(wide_stage):
    stage = wide_stage
    near, far = stage.listen(), stage.listen()
    host, port = stage.lab.address("B"), stage.lab.free_port("B")
    proxy = serve(stage, f"""
workers: 2
listeners:
  - {{ name: near, bind: ["{host}:{port}"], interface: b-a, pool: near }}
  - {{ name: far, bind: ["{host}:{port}"], interface: b-c, pool: far }}
pools:
  - {{ name: near, servers: ["{near.address}"] }}
  - {{ name: far, servers: ["{far.address}"] }}
""", 2)
    exchange(*pair_through(stage, proxy, near))
    # Through the other one, from C.
    with stage.lab.inside("C"):
        client = stage.keep(socket.create_connection((host, port), 5))
    exchange(client, stage.keep(far.accept(5)))


def run(stage, *commands):
    for command in commands:
        stage.lab.run("B", ["ip", *command.split()])


@contextlib.contextmanager
def delivered_here(stage, interface, family):
    """Whatever comes in through an interface of B is B's, whomever it is for."""
    here = "0.0.0.0/0" if family == 4 else "::/0"
    run(stage, f"-{family} route add local {here} dev lo table 100", f"-{family} rule add iif {interface} lookup 100")
    try:
        yield
    finally:
        run(stage, f"-{family} rule del iif {interface} lookup 100", f"-{family} route del local {here} dev lo table 100")


@pytest.mark.parametrize("family, host", [(4, "198.51.100.9"), (6, "2001:db8:51::9")])
def test_a_transparent_listener_has_addresses_of_others(wide_stage, family, host):
    stage = wide_stage
    port = stage.lab.free_port("B")
    with delivered_here(stage, "b-a", family):
        proxy = one_pool_at(stage, endpoint(host, port), "    servers: [echo]", ", transparent: true")
        client = stage.connect(proxy.addresses[0])
        assert client.getpeername()[0] == host
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        finish(client)
        expect_fin(client)
        proxy.counters_once(active=0)


def one_pool_at(stage, address, pool, listener=""):
    return serve(stage, f"""
workers: 2
listeners:
  - {{ name: only, bind: ["{address}"]{listener} }}
pools:
  - name: only
{pool}
""")


@pytest.mark.parametrize("family", [4, 6])
def test_servers_see_the_clients_own_address(wide_stage, family):
    stage = wide_stage
    listener = stage.listen(endpoint(stage.lab.address("C", family), 0))
    with delivered_here(stage, "b-c", family):
        proxy = one_pool_at(stage, endpoint(stage.lab.address("B", family), 0), f"""
    servers: ["{listener.address}"]
    connect: {{ transparent_source: true }}""")
        pairs = [pair_through(stage, proxy, listener) for _ in range(3)]
        for client, server in pairs:
            assert server.getpeername()[0] == stage.lab.address("A", family)
            finish(client)
            expect_fin(server)
            finish(server)
            expect_fin(client)
        proxy.counters_once(active=0, finished=3)


def test_a_client_without_an_address_of_the_servers_family_is_not_passed_off_as_ours(wide_stage):
    stage = wide_stage
    listener = stage.listen(endpoint(stage.lab.address("C", 6), 0))
    proxy = one_pool_at(stage, endpoint(stage.lab.address("B"), 0), f"""
    servers: ["{listener.address}"]
    connect: {{ transparent_source: true }}""")
    client = stage.connect(proxy.addresses[0])
    expect_fin(client)
    proxy.counters_once(connect_failed=1, connect_no_port=1, active=0)


# UNIX sockets

def test_the_file_of_a_unix_socket_has_the_mode_of_the_listener(stage):
    path = stage.lab.fresh_path(".sock")
    proxy = one_pool_at(stage, f"unix:{path}", "    servers: [echo]", ', mode: "0666"')
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o666
    client = stage.connect(proxy.addresses[0])
    client.sendall(b"x")
    assert client.recv(1) == b"x"


def test_unix_sockets_without_a_file_are_listened_on_and_connected_to(stage):
    name = f"longsplice-test-{os.getpid()}-{stage.engine}"
    with stage.lab.inside("C"):
        upstream = stage.keep(socket.socket(socket.AF_UNIX))
    upstream.bind(f"\0{name}-upstream")
    upstream.listen()
    upstream.settimeout(5)
    proxy = one_pool_at(stage, f"unix:@{name}", f'    servers: ["unix:@{name}-upstream"]')
    assert proxy.addresses == [f"unix:@{name}"]
    with stage.lab.inside("A"):
        client = stage.keep(socket.socket(socket.AF_UNIX))
    client.settimeout(5)
    client.connect(f"\0{name}")
    server = stage.keep(upstream.accept()[0])
    server.settimeout(5)
    exchange(client, server)


# What cannot be had

@pytest.mark.parametrize("where, key, sentence", [
    ("listener", "congestion_control: nowhere", "listeners[0].congestion_control nowhere: is no congestion control that "
     "this kernel has loaded; write one of "),
    ("listener", "interface: nowhere", "listeners[0].interface nowhere: is no interface of this machine; see `ip link`"),
    ("listener", "transparent: true",
     "listeners[0].transparent true: is not for this user; grant CAP_NET_ADMIN (AmbientCapabilities=)"),
    ("pool", "transparent_source: true",
     "pools[0].connect.transparent_source true: is not for this user; grant CAP_NET_ADMIN (AmbientCapabilities=)"),
])
def test_options_that_cannot_be_had_are_refused_at_start(stage, where, key, sentence):
    listener = f", {key}" if where == "listener" else ""
    pool = f", connect: {{ {key} }}" if where == "pool" else ""
    file = written(stage, f"""
engine: {stage.engine}
workers: 1
listeners: [{{ name: l, bind: ["127.0.0.1:0"]{listener} }}]
pools: [{{ name: p, servers: [echo]{pool} }}]
""")
    done = stage.lab.run("B", ["setpriv", "--bounding-set", "-net_admin,-net_raw", binary(), "serve", "--config", file],
                         check=False)
    assert done.returncode == 1 and sentence in done.stderr
