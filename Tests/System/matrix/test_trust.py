"""Whom PROXY headers are taken from and told to, and headers that have brought other proxies down."""

import json
import socket
import struct

import pytest

import prologues
import records
from lab import Lab, endpoint
from ledger import run_bench, start_peer
from test_proxy_headers import SIX, binary, fate
from ordinary import AS_ORDINARY_USER, give_directory
from peers import exchange, read_exactly
from prologues import LINE, tlv, v2
from sizes import sized
from stage import Stage

STRANGERS = "192.0.2.0/24"
LOCAL = v2(source=None, local=True)
LINE_OF_SIX = b"PROXY TCP6 2001:db8::7 2001:db8::1 50122 443\r\n"


@pytest.mark.matrix("C4")
def test_the_header_of_a_stranger_is_payload(relay_stage, tally):
    """nginx cannot tell: whoever may connect is believed."""
    stage, listener = relay_stage, relay_stage.listen()
    proxy = stage.serve(listener.address, "--accept-proxy", STRANGERS)
    for header in (LINE, v2(), v2(checksum=True), LOCAL):
        assert fate(stage, proxy, listener, header + b"payload") == header + b"payload"
        tally.count()


@pytest.mark.matrix("C4")
@pytest.mark.parametrize("trusts", [False, True])
def test_nobody_is_guessed_to_speak_for_others(relay_stage, tally, trusts):
    """Who is not named is not listened to for a header, and who is named is not let in without one."""
    stage, listener = relay_stage, relay_stage.listen()
    proxy = stage.serve(listener.address, *(("--accept-proxy", "127.0.0.0/8") if trusts else ()))
    for said in (b"hello", b"P", b"PROX", b"\r\n\r\n", LINE[1:]):
        assert fate(stage, proxy, listener, said) == (None if trusts else said), said
        tally.count()


@pytest.mark.matrix("C4")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_who_is_local_is_passed_on_as_local(relay_stage, tally, version):
    """CVE-2024-23327: LOCAL came in, PROXY was to go out, and nobody had thought of it."""
    stage, listener = relay_stage, relay_stage.listen()
    proxy = stage.serve(listener.address, "--accept-proxy", "127.0.0.0/8", "--send-proxy", version)
    expected = LOCAL if version == "v2" else b"PROXY UNKNOWN\r\n"
    for header in (LOCAL, binary(0x20, 0x11, b"\xff" * 40), binary(family=0, body=b""), b"PROXY UNKNOWN\r\n"):
        assert fate(stage, proxy, listener, header + b"x") == expected + b"x", header
        tally.count()


@pytest.mark.matrix("C4")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_same_client_is_told_as_was_told(relay_stage, tally, version):
    stage, listener = relay_stage, relay_stage.listen()
    proxy = stage.serve(listener.address, "--accept-proxy", "127.0.0.0/8", "--send-proxy", version)
    passed = {"v1": (LINE, LINE_OF_SIX), "v2": (v2(), v2(*SIX))}[version]
    mapped = v2(("::ffff:203.0.113.7", 50122), ("::ffff:192.0.2.1", 443))
    for header, expected in ((LINE, passed[0]), (v2(), passed[0]), (v2(*SIX), passed[1]), (mapped, passed[0])):
        assert fate(stage, proxy, listener, header + b"x") == expected + b"x", header
        tally.count()


@pytest.mark.matrix("C4")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_clients_over_ipv6_are_told_byte_for_byte(stage, tally, version):
    bridge = stage.bridge("--send-proxy", version, listen=endpoint(stage.lab.address("B", 6), 0))
    for _ in range(10):
        client, server = bridge.pair()
        (host, port), (near, at) = client.getsockname()[:2], client.getpeername()[:2]
        header = (f"PROXY TCP6 {host} {near} {port} {at}\r\n".encode() if version == "v1" else v2((host, port), (near, at)))
        client.sendall(b"payload")
        assert read_exactly(server, len(header) + 7) == header + b"payload"
        exchange(client, server)
        tally.count()


@pytest.mark.matrix("C4")
def test_names_that_are_no_text_break_no_line_and_are_not_passed_on(stage, tally):
    """CVE-2024-23324. What a peer adds for itself is not told to the next one."""
    log = stage.lab.fresh_path(".access")
    bridge = stage.bridge("--accept-proxy", "127.0.0.0/8", "--send-proxy", "v2", "--access-log", log)
    said = [b"\0", b"\xff\xfe\xc3", b"\"\n{\"end\":\"forged\"}\n", b"\x1b[2J", bytes(range(256)), b"x" * 3_000]
    for value in said:
        tlvs = b"".join(tlv(kind, value) for kind in (prologues.ALPN, prologues.AUTHORITY, 0x20, 0x30, 0xEA))[:4_000]
        header = v2(tlvs=tlvs) if len(value) < 3_000 else v2(tlvs=tlv(prologues.AUTHORITY, value))
        assert fate(stage, bridge.proxy, bridge.listener, header + value) == v2() + value
        tally.count()
    found = records.wait_for(log, len(said))
    assert {record["client"] for record in found} == {"203.0.113.7:50122"} and {record["end"] for record in found} == {"fin"}
    assert all(json.loads(line)["end"] == "fin" for line in log.read_text().splitlines())


@pytest.mark.matrix("C4")
def test_a_checksum_with_no_room_for_it_is_refused(stage, tally):
    """HAProxy's 2d74dd7e9: fewer than the seven bytes of a checksum were left, and what lay behind was read."""
    bridge = stage.bridge("--accept-proxy", "127.0.0.0/8")
    for left in range(1, 7):
        cut = (bytes([prologues.CRC32C]) + struct.pack(">H", 4) + bytes(4))[:left]
        assert fate(stage, bridge.proxy, bridge.listener, v2(tlvs=cut) + tlv(prologues.CRC32C, bytes(4))) is None, left
        tally.count()
    bridge.proxy.counters_once(bad_prologue=6, connect_attempts=0)


@pytest.fixture(scope="module")
def lab_without_ipv6():
    with Lab(alone=True) as lab:
        for device in ("all", "default", "lo"):
            lab.sysctl("B", f"net.ipv6.conf.{device}.disable_ipv6", "1")
        give_directory(lab)
        yield lab


@pytest.fixture
def stage_without_ipv6(lab_without_ipv6, engine, staging):
    yield from staging(Stage(lab_without_ipv6, engine, AS_ORDINARY_USER))


@pytest.mark.matrix("C4")
@pytest.mark.parametrize("version", [None, "v1", "v2"])
def test_ipv6_in_a_header_needs_none_in_the_kernel(stage_without_ipv6, tally, version):
    """CVE-2024-23325: an address of a family that the machine does not have."""
    stage = stage_without_ipv6
    with stage.lab.inside("B"), pytest.raises(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
    log = stage.lab.fresh_path(".access")
    tells = ("--send-proxy", version) if version else ()
    bridge = stage.bridge("--accept-proxy", "127.0.0.0/8", "--access-log", log, "--max-connections-per-client", "50", *tells)
    passed = {None: b"", "v1": LINE_OF_SIX, "v2": v2(*SIX)}[version]
    for header in (LINE_OF_SIX, v2(*SIX), v2(*SIX, checksum=True)):
        assert fate(stage, bridge.proxy, bridge.listener, header + b"payload") == passed + b"payload"
        tally.count()
    assert {record["client"] for record in records.wait_for(log, 3)} == {"[2001:db8::7]:50122"}


@pytest.mark.matrix("C4")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_ledger_is_kept_for_clients_that_are_told_of_twice(stage, tally, version):
    """Three proxies: the first tells, the second passes on what it was told, the third takes it away."""
    last = stage.serve(start_peer(stage), "--accept-proxy", "127.0.0.0/8")
    middle = stage.serve(last.addresses[0], "--accept-proxy", "127.0.0.0/8", "--send-proxy", version)
    first = stage.serve(middle.addresses[0], "--send-proxy", version)
    report = run_bench(stage, first, "ledger", "--total", str(sized(200, 2_000, 10_000)), "--connections", "32", "--size", "16KiB",
                       timeout=300)
    tally.count(report["connections"]["finished"])
    assert all(proxy.counters()["bad_prologue"] == 0 for proxy in (middle, last))
