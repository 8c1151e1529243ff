"""What comes before the payload: PROXY headers in and out, and routes by a ClientHello."""

import contextlib
import socket
import ssl
import struct
import time

import pytest

import prologues
import records
from lab import endpoint
from peers import exchange, expect_fin, expect_reset, finish, read_exactly, serving
from programs import certificate, free_address, haproxy
from prologues import LINE, tlv, v2
from test_configuration import one_pool, serve
from test_upstreams import refusing


def trusting(stage, *flags):
    """A bridge whose clients have to begin with a header."""
    return stage.bridge("--accept-proxy", "0.0.0.0/0", "--accept-proxy", "::/0", *flags)


def in_pieces(sock, pieces, pause=0.002):
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        sock.sendall(piece)
        time.sleep(pause)


def arrival(bridge, *pieces):
    """What the server gets of a client that says this and ends."""
    client = bridge.stage.connect(bridge.proxy.addresses[0])
    in_pieces(client, pieces)
    finish(client)
    server = bridge.stage.keep(bridge.listener.accept())
    got = b""
    while piece := server.recv(1 << 16):
        got += piece
    server.close()
    expect_fin(client)
    return got


# PROXY headers in

HEADERS = {
    "v1": LINE,
    "v1 over IPv6": b"PROXY TCP6 2001:db8::7 2001:db8::1 50122 443\r\n",
    "v1 unknown": b"PROXY UNKNOWN\r\n",
    "v2": v2(),
    "v2 over IPv6": v2(("2001:db8::7", 50122), ("2001:db8::1", 443)),
    "v2 with TLVs and a checksum": v2(tlvs=tlv(prologues.AUTHORITY, b"shop.example") + tlv(0xE3, b"x" * 900), checksum=True),
    "v2 local": v2(source=None, local=True),
}


@pytest.mark.parametrize("relay", ["adaptive", "splice", "copy"])
def test_a_header_is_taken_and_nothing_else(stage, relay):
    bridge = trusting(stage, "--relay", relay)
    for name, header in HEADERS.items():
        assert arrival(bridge, header + b"payload") == b"payload", name
        assert arrival(bridge, header, b"pay", b"load") == b"payload", name
        assert arrival(bridge, header) == b"", name
    bridge.proxy.counters_once(proxy_headers_taken=3 * len(HEADERS), bad_prologue=0, finished=3 * len(HEADERS))


def test_servers_may_speak_first_once_the_header_is_there(stage):
    bridge = trusting(stage)
    client = stage.connect(bridge.proxy.addresses[0])
    client.sendall(LINE)
    server = stage.keep(bridge.listener.accept())
    server.sendall(b"220 hello")
    assert read_exactly(client, 9) == b"220 hello"
    exchange(client, server)


def test_the_access_log_names_the_client_and_its_proxy(stage):
    log = stage.lab.fresh_path(".access")
    bridge = trusting(stage, "--access-log", log)
    for header in HEADERS.values():
        arrival(bridge, header)
    found = {record["client"] for record in records.wait_for(log, len(HEADERS))}
    assert {"203.0.113.7:50122", "[2001:db8::7]:50122"} < found
    for record in records.read(log)[0]:
        spoken_for = record["client"].endswith(":50122") and record["proxy"] is not None
        assert spoken_for or record["proxy"] is None, record
        assert record["end"] == "fin"


@pytest.mark.parametrize("said", [
    b"GET / HTTP/1.0\r\n\r\n", b"\r\n\r\n\0\r\nQUIT\r", b"PROXY TCP4 203.0.113.7 192.0.2.1 50122 443 \r\n",
    b"PROXY TCP4 203.0.113.300 192.0.2.1 50122 443\r\n", b"PROXY TCP4 " + b"1" * 200, v2()[:12] + b"\x31" + v2()[13:],
    v2(checksum=True)[:-1] + b"\0", b"\x16\x03\x01\x02\0",
])
def test_what_is_no_header_is_reset_at_once(stage, said):
    log = stage.lab.fresh_path(".access")
    bridge = trusting(stage, "--access-log", log)
    client = stage.connect(bridge.proxy.addresses[0])
    client.sendall(said)
    expect_reset(client, 2.5)
    record = records.wait_for(log, 1)[0]
    assert (record["end"], record["ended_by"], record["attempts"]) == ("bad_prologue", "client", 0)
    bridge.proxy.counters_once(bad_prologue=1, closed=1, connect_attempts=0)


def test_half_a_header_and_fin_is_reset(stage):
    bridge = trusting(stage)
    for half in (b"", LINE[:20], v2()[:16]):
        client = stage.connect(bridge.proxy.addresses[0])
        client.sendall(half)
        finish(client)
        expect_reset(client, 2.5)
    bridge.proxy.counters_once(bad_prologue=3, active=0)


def test_a_header_has_to_be_whole_in_time(stage):
    log = stage.lab.fresh_path(".access")
    proxy = one_pool(stage, "    servers: [echo]", """
    proxy_protocol: { accept: [0.0.0.0/0], timeout: 1s }""".replace("\n    ", ", "), f"access_log: {{ to: {log} }}")
    silent, slow, good = (stage.connect(proxy.addresses[0]) for _ in range(3))
    started = time.monotonic()
    good.sendall(LINE)
    for byte in LINE[:8]:
        slow.sendall(bytes([byte]))
        time.sleep(0.05)
    for client in (silent, slow):
        expect_reset(client, 5)
        assert 0.9 < time.monotonic() - started < 4
    # It never touches a connection that stands.
    good.sendall(b"still here")
    assert read_exactly(good, 10) == b"still here"
    assert {record["end"] for record in records.wait_for(log, 2)} == {"prologue_timeout"}
    proxy.counters_once(prologue_timeout=2)


def test_a_header_of_a_stranger_is_payload(stage):
    bridge = stage.bridge("--accept-proxy", "192.0.2.0/24", "--accept-proxy", "2001:db8::/32")
    assert arrival(bridge, LINE + b"x") == LINE + b"x"
    bridge.proxy.counters_once(proxy_headers_taken=0, finished=1)


def test_who_may_come_and_how_often_goes_by_the_header(stage):
    proxy = one_pool(stage, "    servers: [echo]", """
    proxy_protocol: { accept: [0.0.0.0/0] }, deny: [198.51.100.0/24]""".replace("\n    ", ", "),
                     "limits: { connections_per_client: 2 }")

    def client(source):
        sock = stage.connect(proxy.addresses[0])
        sock.sendall(v2((source, 1)) + b"x")
        return sock

    with contextlib.suppress(ConnectionResetError):
        expect_reset(client("198.51.100.9"), 3)
    first = [client("203.0.113.7") for _ in range(2)]
    assert [read_exactly(sock, 1) for sock in first] == [b"x"] * 2
    with contextlib.suppress(ConnectionResetError):
        expect_reset(client("203.0.113.7"), 3)
    assert read_exactly(client("203.0.113.8"), 1) == b"x"
    first[0].close()
    proxy.counters_once(closed=3)
    assert read_exactly(client("203.0.113.7"), 1) == b"x"
    proxy.counters_once(refused_by_address=1, refused_per_client=1)


def test_routes_go_by_the_header(stage):
    first, second = stage.listen(), stage.listen()
    proxy = serve(stage, f"""
listeners:
  - name: l
    bind: ["{endpoint(stage.lab.address("B"), 0)}"]
    proxy_protocol: {{ accept: [0.0.0.0/0] }}
    routes: [{{ source: [203.0.113.0/24], pool: two }}, {{ pool: one }}]
pools: [{{ name: one, servers: ["{first.address}"] }}, {{ name: two, servers: ["{second.address}"] }}]
""")
    for source, listener in (("203.0.113.9", second), ("198.51.100.1", first)):
        client = stage.connect(proxy.addresses[0])
        client.sendall(v2((source, 1)))
        exchange(client, stage.keep(listener.accept(5)))


def test_the_server_is_chosen_by_the_header(stage):
    listeners = [stage.listen() for _ in range(3)]
    servers = ", ".join(f'"{listener.address}"' for listener in listeners)
    proxy = one_pool(stage, f"    balance: source_hash\n    servers: [{servers}]",
                     ", proxy_protocol: { accept: [0.0.0.0/0] }")

    def server_for(source):
        client = stage.connect(proxy.addresses[0])
        client.sendall(v2((source, 1)))
        while True:
            for index, listener in enumerate(listeners):
                with contextlib.suppress(TimeoutError, BlockingIOError):
                    exchange(client, stage.keep(listener.accept(0.02)))
                    return index

    chosen = {source: server_for(source) for source in (f"203.0.113.{n}" for n in range(12))}
    assert len(set(chosen.values())) == 3
    assert all(server_for(source) == index for source, index in chosen.items())


def test_a_unix_listener_takes_headers(stage):
    path = stage.lab.fresh_path(".sock")
    bridge = stage.bridge("--accept-proxy", "unix", listen=f"unix:{path}")
    assert arrival(bridge, v2()[:20], v2()[20:] + b"payload") == b"payload"
    assert arrival(bridge, *(bytes([byte]) for byte in LINE), b"payload") == b"payload"
    client = stage.connect(bridge.proxy.addresses[0])
    client.sendall(LINE[:10])
    before = bridge.proxy.cpu_seconds()
    time.sleep(1)
    assert bridge.proxy.cpu_seconds() - before < 0.2, "unread bytes make it spin"


def test_unread_bytes_cost_nothing(stage):
    bridge = trusting(stage)
    clients = [stage.connect(bridge.proxy.addresses[0]) for _ in range(50)]
    for client in clients:
        client.sendall(v2()[:-1])
    before = bridge.proxy.cpu_seconds()
    time.sleep(1)
    assert bridge.proxy.cpu_seconds() - before < 0.2
    for client in clients:
        client.sendall(v2()[-1:])
    for _ in clients:
        stage.keep(bridge.listener.accept())


# Routes by a ClientHello

@pytest.fixture(scope="module")
def key_and_certificate(lab):
    return certificate(lab, "test")


def by_name(stage, more="", count=3):
    listeners = [stage.listen() for _ in range(count)]
    pools = ", ".join(f'{{ name: p{index}, servers: ["{listener.address}"] }}'
                      for index, listener in enumerate(listeners))
    proxy = serve(stage, f"""
listeners:
  - name: l
    bind: ["{endpoint(stage.lab.address("B"), 0)}"]
    {more}
    routes:
      - {{ sni: [shop.example, "*.shop.example"], pool: p1 }}
      - {{ alpn: [h2], pool: p2 }}
      - {{ sni: [never.example], reject: true }}
      - {{ pool: p0 }}
pools: [{pools}]
""")
    return proxy, listeners


def tls(stage, proxy, name, protocols=()):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return stage.keep(context.wrap_socket(stage.connect(proxy.addresses[0]), server_hostname=name))


def test_tls_clients_reach_the_server_of_their_name(stage, key_and_certificate):
    proxy, listeners = by_name(stage)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key, path = key_and_certificate
    context.load_cert_chain(path, key)
    context.set_alpn_protocols(["h2", "http/1.1"])

    def answer(index):
        def handle(sock):
            with contextlib.suppress(OSError), context.wrap_socket(sock, server_side=True) as wrapped:
                wrapped.sendall(str(index).encode() + wrapped.recv(100))
                wrapped.recv(1)
        return handle

    with contextlib.ExitStack() as serves:
        for index, listener in enumerate(listeners):
            serves.enter_context(serving(listener, answer(index)))
        for name, protocols, index in [("shop.example", (), 1), ("SHOP.example", (), 1), ("a.b.shop.example", (), 1),
                                       ("other.example", ("h2", "http/1.1"), 2), ("other.example", ("http/1.1",), 0),
                                       ("xshop.example", (), 0), (None, (), 0)]:
            client = tls(stage, proxy, name, protocols)
            client.sendall(b"!")
            assert client.recv(100) == f"{index}!".encode(), name
            client.close()
        shown = stage.lab.run("A", ["openssl", "s_client", "-connect", proxy.addresses[0], "-servername", "shop.example",
                                    "-brief"], input="", check=False)
        assert "CONNECTION ESTABLISHED" in shown.stdout + shown.stderr
        with pytest.raises(OSError):
            tls(stage, proxy, "never.example")
        proxy.counters_once(refused_by_address=1, hellos_missed=0)


def test_a_hello_may_be_split_anywhere_and_arrives_as_it_was(stage):
    proxy, listeners = by_name(stage)
    hello = prologues.hello("shop.example", ["x" * 200, "y" * 200])
    records_of_9 = b"".join(hello[:3] + struct.pack(">H", len(part)) + part
                            for part in (hello[at:at + 9] for at in range(5, len(hello), 9)))
    for said in ([hello], [hello[:3], hello[3:]], [hello[:40], hello[40:41], hello[41:]], [records_of_9],
                 [hello[:1] + b"", *(hello[at:at + 50] for at in range(1, len(hello), 50))],
                 [records_of_9[at:at + 40] for at in range(0, len(records_of_9), 40)]):
        client = stage.connect(proxy.addresses[0])
        in_pieces(client, said)
        server = stage.keep(listeners[1].accept())
        assert read_exactly(server, len(b"".join(said))) == b"".join(said)
        exchange(client, server)


def test_who_sends_no_hello_takes_the_last_route(stage):
    proxy, listeners = by_name(stage, "client_hello_timeout: 500ms")
    hello = prologues.hello("shop.example")
    for said, ends in ((b"SSH-2.0-OpenSSH\r\n", False), (b"", True), (b"", False), (hello[:100], True), (hello[:100], False)):
        client = stage.connect(proxy.addresses[0])
        client.sendall(said)
        if ends:
            finish(client)
        server = stage.keep(listeners[0].accept(5))
        assert read_exactly(server, len(said)) == said
        server.sendall(b"banner")
        assert read_exactly(client, 6) == b"banner"
    proxy.counters_once(hellos_missed=5)


def test_a_header_and_a_hello_may_come_together(stage):
    proxy, listeners = by_name(stage, "proxy_protocol: { accept: [0.0.0.0/0] }")
    hello = prologues.hello("shop.example")
    both = v2() + hello
    for cut in (0, 5, 28, 30, 100, len(both)):
        client = stage.connect(proxy.addresses[0])
        in_pieces(client, [both[:cut], both[cut:]] if cut else [both])
        server = stage.keep(listeners[1].accept(5))
        assert read_exactly(server, len(hello)) == hello


# PROXY headers out

def ends_of(client, proxy):
    host, _, port = proxy.addresses[0].rpartition(":")
    return client.getsockname()[:2], (host, int(port))


@pytest.mark.matrix("C4")
def test_servers_are_told_who_comes(stage):
    for version in ("v1", "v2"):
        bridge = stage.bridge("--send-proxy", version)
        client, server = bridge.pair()
        (host, port), (near, at) = ends_of(client, bridge.proxy)
        header = (f"PROXY TCP4 {host} {near} {port} {at}\r\n".encode() if version == "v1"
                  else v2((host, port), (near, at)))
        client.sendall(b"payload")
        assert read_exactly(server, len(header) + 7) == header + b"payload"
        exchange(client, server)
        bridge.proxy.counters_once(proxy_headers_sent=1)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_what_one_proxy_says_is_passed_on(stage, version):
    bridge = trusting(stage, "--send-proxy", version)
    passed = {"v1": LINE, "v2": v2()}[version]
    assert arrival(bridge, LINE + b"x") == passed + b"x"
    assert arrival(bridge, v2() + b"x") == passed + b"x"
    local = {"v1": b"PROXY UNKNOWN\r\n", "v2": v2(source=None, local=True)}[version]
    assert arrival(bridge, v2(source=None, local=True) + b"x") == local + b"x"


def test_the_next_server_is_told_too_and_the_payload_comes_once(stage):
    dead, good = refusing(stage), stage.listen()
    proxy = stage.serve([dead, good.address], "--send-proxy", "v1", "--balance", "first")
    for _ in range(5):
        client = stage.connect(proxy.addresses[0])
        client.sendall(b"once")
        finish(client)
        server = stage.keep(good.accept())
        (host, port), (near, at) = ends_of(client, proxy)
        header = f"PROXY TCP4 {host} {near} {port} {at}\r\n".encode()
        assert read_exactly(server, len(header) + 4) == header + b"once"
        expect_fin(server)
        server.close()


@pytest.mark.matrix("C4")
def test_a_header_of_version_2_says_more(stage):
    listener = stage.listen()
    proxy = one_pool(stage, f"""
    servers: ["{listener.address}"]
    proxy_protocol: {{ send: v2, tlv: [authority, alpn, unique_id, crc32c] }}""", ", client_hello_timeout: 300ms")
    identities = set()
    for said, named in ((prologues.hello("shop.example", ["h2", "http/1.1"]), True), (b"no TLS", False)):
        client = stage.connect(proxy.addresses[0])
        client.sendall(said)
        server = stage.keep(listener.accept())
        source, destination = ends_of(client, proxy)
        head = read_exactly(server, 16)
        body = read_exactly(server, struct.unpack(">H", head[14:])[0])
        told = tlv(prologues.AUTHORITY, b"shop.example") + tlv(prologues.ALPN, b"h2") if named else b""
        identity = body[12 + len(told) + 3:][:16]
        identities.add(identity)
        assert head + body == v2(source, destination, told + tlv(prologues.UNIQUE_ID, identity), checksum=True)
        assert read_exactly(server, len(said)) == said
    assert len(identities) == 2


# HAProxy

@pytest.mark.parametrize("version", ["v1", "v2"])
def test_haproxy_behind_understands_who_comes(stage, version):
    address = free_address(stage)
    haproxy(stage, "C", address, f"""
listen l
    mode http
    bind {address} accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] %[dst]:%[dst_port]"
""")
    proxy = stage.serve(address, "--send-proxy", version)
    client = stage.connect(proxy.addresses[0])
    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
    answer = b""
    while piece := client.recv(4096):
        answer += piece
    (host, own), (near, at) = ends_of(client, proxy)
    assert answer.decode().endswith(f"{host}:{own} {near}:{at}")


def test_haproxy_behind_understands_what_else_is_told(stage):
    address = free_address(stage)
    haproxy(stage, "C", address, f"""
listen l
    mode tcp
    bind {address} accept-proxy
    tcp-request content set-var(sess.said) fc_pp_authority
    tcp-request content accept if {{ var(sess.said) -m str shop.example }}
    tcp-request content reject
    server s {stage.listen().address}
""")
    proxy = one_pool(stage, f"""
    servers: ["{address}"]
    proxy_protocol: {{ send: v2, tlv: [authority, alpn, unique_id, crc32c] }}""")
    good, bad = (stage.connect(proxy.addresses[0]) for _ in range(2))
    bad.sendall(prologues.hello("other.example"))
    with contextlib.suppress(ConnectionResetError):
        assert bad.recv(1) == b""
    good.sendall(prologues.hello("shop.example"))
    good.settimeout(1)
    with pytest.raises(TimeoutError):
        good.recv(1)


@pytest.mark.parametrize("word", ["send-proxy", "send-proxy-v2"])
def test_haproxy_in_front_is_understood(stage, word):
    log = stage.lab.fresh_path(".access")
    bridge = trusting(stage, "--access-log", log)
    address = free_address(stage, "A")
    haproxy(stage, "A", address, f"""
listen l
    mode tcp
    bind {address}
    server s {bridge.proxy.addresses[0]} {word}
""")
    client = stage.connect(address)
    client.sendall(b"hello")
    server = stage.keep(bridge.listener.accept())
    assert read_exactly(server, 5) == b"hello"
    exchange(client, server)
    own = endpoint(*client.getsockname()[:2])
    client.close()
    server.close()
    record = records.wait_for(log, 1)[0]
    assert record["client"] == own and record["proxy"] != own
