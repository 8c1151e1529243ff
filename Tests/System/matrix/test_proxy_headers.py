"""The grammar of PROXY headers on the wire: what is taken, what is refused, and what becomes of headers that arrive in pieces."""

import contextlib
import random
import struct
import time

import pytest

import prologues
from controls import share
from ledger import run_bench, start_peer
from peers import finish
from prologues import INCOMPLETE, LINE, REFUSED, SIGNATURE, tlv, v2, verdict
from sizes import sized

TRUSTED = ("--accept-proxy", "127.0.0.0/8")
SIX = (("2001:db8::7", 50122), ("2001:db8::1", 443))


def line(*words, end=b"\r\n"):
    return b" ".join((b"PROXY", *words)) + end


def four(source=b"203.0.113.7", destination=b"192.0.2.1", ports=b"50122 443", end=b"\r\n"):
    return line(b"TCP4", source, destination, ports, end=end)


def six(source=b"2001:db8::7", destination=b"2001:db8::1", ports=b"50122 443"):
    return line(b"TCP6", source, destination, ports)


def binary(command=0x21, family=0x11, body=bytes(12), size=None):
    return SIGNATURE + struct.pack(">BBH", command, family, len(body) if size is None else size) + body


def with_tlvs(*tlvs, **more):
    return v2(tlvs=b"".join(tlvs), **more)


def checksum(at=0, value=None):
    """A header whose checksum stands before or behind another TLV, right where `value` is not given."""
    other, own = tlv(0xE0, b"other"), tlv(prologues.CRC32C, bytes(4))
    header = with_tlvs(other, own) if at else with_tlvs(own, other)
    place = header.index(own) + 3
    right = struct.pack(">I", prologues.crc32c(header))
    return header[:place] + (right if value is None else value) + header[place + 4:]


UNIX = bytes(216)
MANY = b"".join(tlv(0xE0 + number, bytes([number]) * 100) for number in range(16))

GOOD = {
    "v1": LINE,
    "v1, the longest addresses": six(b"ffff:" * 7 + b"ffff", b"ffff:" * 7 + b"ffff", b"65535 65535"),
    "v1, the shortest": four(b"0.0.0.0", b"0.0.0.0", b"0 0"),
    "v1 over IPv6": six(),
    "v1, IPv4 within IPv6": six(b"::ffff:192.0.2.1"),
    "v1, any address": six(b"::", b"::1"),
    "v1, upper case digits": six(b"2001:DB8::A"),
    "v1 unknown": line(b"UNKNOWN"),
    "v1 unknown, with something": line(b"UNKNOWN", b"ffff:f...f:ffff ffff:f...f:ffff 65535 65535"),
    "v1 unknown, of 107 bytes": line(b"UNKNOWN", b"x" * 91),
    "v2": v2(),
    "v2 over IPv6": v2(*SIX),
    "v2, a datagram": binary(family=0x12), "v2, a datagram over IPv6": binary(family=0x22, body=bytes(36)),
    "v2 unix": binary(family=0x31, body=UNIX), "v2 unix, a datagram": binary(family=0x32, body=UNIX),
    "v2 unspecified": binary(family=0, body=b""), "v2 unspecified, with a block": binary(family=0, body=b"\xff" * 50),
    "v2 local": binary(0x20, 0, b""), "v2 local, with a block": binary(0x20, 0x11, b"\xff" * 7),
    "v2 local, of any family": binary(0x20, 0xEE, bytes(20)),
    "v2 local, with a wrong checksum": binary(0x20, 0x11, bytes(12) + tlv(prologues.CRC32C, b"xxxx")),
    "v2 with an empty TLV": with_tlvs(tlv(0xE0, b"")),
    "v2 with a NOOP": with_tlvs(tlv(4, b"anything")), "v2 with an empty NOOP": with_tlvs(tlv(4, b"")),
    "v2 with TLVs of all kinds": with_tlvs(*(tlv(kind, b"value") for kind in range(256) if kind not in (3, 0x20))),
    "v2 with many TLVs": with_tlvs(MANY),
    "v2 with a TLV twice": with_tlvs(tlv(prologues.AUTHORITY, b"a"), tlv(prologues.AUTHORITY, b"b")),
    "v2 with an identifier of 128 bytes": with_tlvs(tlv(prologues.UNIQUE_ID, bytes(128))),
    "v2 with a name that is no text": with_tlvs(tlv(prologues.AUTHORITY, b"\0\xff\xc3\"\n")),
    "v2 with TLS": with_tlvs(tlv(0x20, b"\1\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x23, b"X"))),
    "v2 with a checksum": v2(checksum=True), "v2 over IPv6 with a checksum": v2(*SIX, checksum=True),
    "v2, its checksum before a TLV": checksum(0), "v2, its checksum behind a TLV": checksum(1),
    "v2 with 900 bytes and a checksum": v2(tlvs=tlv(0xE3, b"x" * 900), checksum=True),
}

BAD = {
    "nothing of the kind": b"GET / HTTP/1.0\r\n\r\n", "a ClientHello": b"\x16\3\1\2\0", "zeros": bytes(16),
    "v1 in lower case": LINE.lower(), "v1, a space first": b" " + LINE, "v1, two spaces": LINE.replace(b"4 ", b"4  ", 1),
    "v1, a tab": LINE.replace(b"TCP4 ", b"TCP4\t"), "v1, a space at the end": four(ports=b"50122 443 "),
    "v1, nothing after it": b"PROXY\r\n", "v1, another family": line(b"UDP4", b"1.2.3.4 1.2.3.4 1 1"),
    "v1, TCP5": line(b"TCP5", b"1.2.3.4 1.2.3.4 1 1"), "v1, UNKNOWN goes on": line(b"UNKNOWNS"),
    "v1, no addresses": line(b"TCP4"), "v1, one port": four(ports=b"50122"), "v1, three ports": four(ports=b"1 2 3"),
    "v1, an octet too large": four(b"203.0.113.256"), "v1, an octet with a zero": four(b"203.0.113.07"),
    "v1, three octets": four(b"203.0.113"), "v1, five octets": four(b"203.0.113.7.7"), "v1, a name": four(b"localhost"),
    "v1, IPv6 as IPv4": four(b"::1"), "v1, IPv4 as IPv6": six(b"203.0.113.7"), "v1, a zone": six(b"fe80::1%lo"),
    "v1, brackets": six(b"[::1]"), "v1, two gaps": six(b"1::2::3"), "v1, five digits": six(b"2001:db800::1"),
    "v1, nine groups": six(b"1:2:3:4:5:6:7:8:9"), "v1, seven groups": six(b"1:2:3:4:5:6:7"),
    "v1, a port too large": four(ports=b"65536 443"), "v1, a port with a zero": four(ports=b"050122 443"),
    "v1, two zeros": four(ports=b"00 443"), "v1, a negative port": four(ports=b"-1 443"),
    "v1, a signed port": four(ports=b"+1 443"),
    "v1, a huge port": four(ports=b"18446744073709551617 443"), "v1, a port in hexadecimal": four(ports=b"0x1f 443"),
    "v1, LF alone": four(end=b"\n"), "v1, CR alone": four(end=b"\r"), "v1, CR twice": four(end=b"\r\r\n"),
    "v1 unknown, LF within": line(b"UNKNOWN a\nb"), "v1 unknown, CR within": line(b"UNKNOWN a\rb"),
    "v1 of 108 bytes": line(b"UNKNOWN", b"x" * 92), "v1, a NUL": four(b"203.0.113.7\0"),
    "v1 without an end": b"PROXY UNKNOWN " + b"x" * 200,
    "v2, version 1": binary(0x11), "v2, version 3": binary(0x31), "v2, version 0": binary(0x01),
    "v2, command 2": binary(0x22), "v2, command 15": binary(0x2F), "v2, family 4": binary(family=0x41),
    "v2, transport 3": binary(family=0x13), "v2, a family without a transport": binary(family=0x10),
    "v2, a transport without a family": binary(family=0x01), "v2, ones": binary(0xFF, 0xFF),
    "v2, 11 bytes of IPv4": binary(body=bytes(11)), "v2, none of IPv4": binary(body=b""),
    "v2, 35 bytes of IPv6": binary(family=0x21, body=bytes(35)), "v2, 215 bytes of UNIX": binary(family=0x31, body=bytes(215)),
    "v2, one byte behind": binary(body=bytes(13)), "v2, two bytes behind": binary(body=bytes(14)),
    "v2, a TLV longer than the header": with_tlvs(b"\xe0\0\5four"), "v2, the longest TLV of all": with_tlvs(b"\xe0\xff\xff"),
    "v2, an identifier of 129 bytes": with_tlvs(tlv(prologues.UNIQUE_ID, bytes(129))),
    "v2, a wrong checksum": checksum(1, b"\0\0\0\1"), "v2, no checksum": checksum(1, bytes(4)),
    "v2, a wrong checksum first": checksum(0, b"abcd"),
    "v2, a checksum of 3 bytes": with_tlvs(tlv(prologues.CRC32C, bytes(3))),
    "v2, a checksum of 5 bytes": with_tlvs(tlv(prologues.CRC32C, bytes(5))),
    "v2, a checksum of none": with_tlvs(tlv(prologues.CRC32C, b"")),
    "v2, two checksums": v2(tlvs=tlv(prologues.CRC32C, bytes(4)), checksum=True),
    "v2, a wrong signature": b"\r\n\r\n\0\r\nQUIT\r" + v2()[12:], "v2, of 65551 bytes": binary(body=bytes(12), size=65535),
}


def fate(stage, proxy, listener, *pieces, pause=0.0):
    """What the upstream gets of a client that says this and FIN; None for a client that is closed and reaches none."""
    client = stage.connect(proxy.addresses[0], 10)
    with contextlib.closing(client):
        with contextlib.suppress(OSError):
            for piece in pieces:
                client.sendall(piece)
                time.sleep(pause)
            finish(client)
        # Whoever is let in has its end passed on, and whoever is not is closed.
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError, BlockingIOError), contextlib.closing(listener.accept(0.005)) as server:
                return to_end(server)
            if is_closed(client):
                return None
        raise AssertionError("neither let in nor closed")


def to_end(server):
    try:
        return b"".join(iter(lambda: server.recv(1 << 16), b""))
    except ConnectionResetError:
        return "reset"


def is_closed(client):
    client.settimeout(0.005)
    try:
        return client.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def expect_all(tally, fates, expected):
    """Each difference by its name; the row counts them."""
    wrong = [f"{name}: {fates[name]!r} instead of {expected[name]!r}" for name in expected if fates[name] != expected[name]]
    tally.count(len(expected), len(wrong))
    assert not wrong, "\n".join(wrong)


@pytest.mark.matrix("C1")
def test_headers_are_taken_and_refused_as_the_specification_says(relay_stage, tally):
    stage, listener = relay_stage, relay_stage.listen()
    proxy = stage.serve(listener.address, *TRUSTED)
    fates, expected = {}, {}
    for name, header in (*GOOD.items(), *BAD.items()):
        payload = b"payload of " + name.encode()
        expected[name] = payload if name in GOOD else None
        assert verdict(header + payload) == (len(header) if name in GOOD else REFUSED), f"{name}: the verdict"
        fates[name] = fate(stage, proxy, listener, header + payload)
    expect_all(tally, fates, expected)
    if hasattr(proxy, "counters_once"):
        proxy.counters_once(proxy_headers_taken=len(GOOD), bad_prologue=len(BAD), connect_attempts=len(GOOD))


def damaged(dice, header):
    data = bytearray(header)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(data))
        match dice.randrange(6):
            case 0: data[at] ^= 1 << dice.randrange(8)
            case 1: data[at] = dice.randrange(256)
            case 2: del data[at:at + dice.randint(1, 4)]
            case 3: data[at:at] = dice.choice([b" ", b"\r\n", b"\0", b"0", b"::", b"\xff", bytes(data[at:at + 5])])
            case 4: data[at] = dice.choice(b"0123456789abcdef:. \r\n")
            case _: data[15 % len(data)] = dice.randrange(256)
        data = data or bytearray(b"P")
    return bytes(data)


@pytest.mark.matrix("C1")
def test_damaged_headers_are_taken_or_refused_as_the_specification_says(relay_stage, tally):
    stage, listener, dice = relay_stage, relay_stage.listen(), random.Random(2005)
    proxy = stage.serve(listener.address, *TRUSTED)
    headers, fates, expected = list(GOOD.values()), {}, {}
    for number in range(share(stage, sized(300, 2_000, 5_000))):
        data = damaged(dice, dice.choice(headers)) + b"payload %d" % number
        # Whoever ends amid a header is refused.
        said = verdict(data)
        name = f"{number} {data!r}"
        expected[name] = None if said in (REFUSED, INCOMPLETE) else data[said:]
        fates[name] = fate(stage, proxy, listener, data)
    kinds = [value is None for value in expected.values()]
    assert any(kinds) and not all(kinds)
    expect_all(tally, fates, expected)


# In pieces

PAYLOADS = [b"payload", LINE, v2(), tlv(prologues.AUTHORITY, b"payload.example"), SIGNATURE, bytes(3), b""]
CUT = ["v1", "v1 over IPv6", "v2", "v2 over IPv6", "v2 local, with a block", "v2 with 900 bytes and a checksum"]


@pytest.mark.matrix("C2")
@pytest.mark.parametrize("name", CUT)
def test_a_header_cut_anywhere_is_the_same_header(relay_stage, tally, name):
    stage, listener, header = relay_stage, relay_stage.listen(), GOOD[name]
    proxy = stage.serve(listener.address, *TRUSTED)
    step = max(1, len(header) // share(stage, sized(50, 1_000)))
    cuts = {cut: (header[:cut], header[cut:] + b"payload") for cut in range(1, len(header), step)}
    cuts["each byte"] = *(header[at:at + 1] for at in range(len(header))), b"payload"
    cuts["each 7 bytes"] = [(header + b"payload")[at:at + 7] for at in range(0, len(header) + 7, 7)]
    fates = {cut: fate(stage, proxy, listener, *pieces, pause=0.001) for cut, pieces in cuts.items()}
    expect_all(tally, fates, dict.fromkeys(cuts, b"payload"))


@pytest.mark.matrix("C2")
def test_what_follows_a_header_at_once_is_payload_whatever_it_looks_like(relay_stage, tally):
    stage, listener = relay_stage, relay_stage.listen()
    proxy = stage.serve(listener.address, *TRUSTED)
    expected = {(name, payload): payload for name in GOOD for payload in PAYLOADS}
    fates = {(name, payload): fate(stage, proxy, listener, GOOD[name] + payload) for name, payload in expected}
    expect_all(tally, fates, expected)


@pytest.mark.matrix("C2")
def test_the_ledger_is_kept_through_two_proxies_of_which_one_tells_the_other(relay_stage, tally):
    """Headers, payload and ends of all kinds share segments."""
    stage = relay_stage
    behind = stage.serve(start_peer(stage), *TRUSTED)
    front = stage.serve(behind.addresses[0], "--send-proxy", "v1" if stage.engine == "nginx" else "v2")
    report = run_bench(stage, front, "ledger", "--total", str(share(stage, sized(300, 3_000, 20_000))), "--connections", "32",
                       "--size", "16KiB", timeout=300)
    finished = report["connections"]["finished"]
    tally.count(finished)
    if hasattr(behind, "counters"):
        counters = behind.counters()
        # Whoever is reset at once may be gone before its header is taken.
        assert counters["proxy_headers_taken"] >= finished // 2 and counters["bad_prologue"] == 0
