"""ClientHellos of every make: the name that OpenSSL finds in them decides, and they arrive as they came."""

import contextlib
import random
import ssl
import time

import pytest

from controls import ControlStage, share
from lab import endpoint
from ledger import run_bench, start_peer
from peers import finish
from prologues import (ENCRYPTED, KEY_SHARE, PADDING, PROTOCOLS, extension, hello, hello_message, in_records, name_for_openssl,
                       server_name, sized_by)
from sizes import sized
from test_configuration import serve

NAME = "shop.example"
SHOP = server_name(NAME.encode())
PATIENCE = "500ms"


def by_name(stage, named, others):
    """Clients that name the shop go to one upstream, all others to another; addresses."""
    if isinstance(stage, ControlStage):
        return stage.serve(others, "--prologue-timeout", PATIENCE, names={NAME: named})
    return serve(stage, f"""
listeners:
  - name: l
    bind: ["{endpoint(stage.lab.address("B"), 0)}"]
    client_hello_timeout: {PATIENCE}
    routes: [{{ sni: [{NAME}], pool: named }}, {{ pool: others }}]
pools:
  - {{ name: named, servers: ["{named}"] }}
  - {{ name: others, servers: ["{others}"] }}
""")


def only(version, name=NAME):
    """What OpenSSL's client sends that knows one version only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    return out.read()


def message(*extensions, **more):
    return in_records(hello_message(*extensions, **more))


def lying(stream, at, value):
    """A byte is another one; for lengths inside."""
    return stream[:at] + bytes([value]) + stream[at + 1:]


# X25519MLKEM768: 1184 bytes of ML-KEM and 32 of X25519.
POST_QUANTUM = extension(KEY_SHARE, sized_by(2, b"\x11\xec" + sized_by(2, bytes(range(256)) * 4 + bytes(192))
                                             + b"\0\x1d" + sized_by(2, bytes(32))))
GREASE = [extension(0x0A0A, b""), extension(0xFAFA, b"\0")]
PLAIN = message(SHOP)
SSL2 = b"\x80\x2e\1\3\1\0\x15\0\0\0\x10" + bytes(37)

WHOLE = {
    "of OpenSSL": hello(NAME), "of OpenSSL, with protocols": hello(NAME, ["h2", "http/1.1"]),
    "of OpenSSL, for another": hello("other.example"),
    "of OpenSSL, without a name": hello(None), "TLS 1.3 only": only(ssl.TLSVersion.TLSv1_3),
    "TLS 1.2 only": only(ssl.TLSVersion.TLSv1_2),
    "plain": PLAIN, "no name": message(), "below the name": message(server_name(b"a.shop.example")),
    "around the name": message(server_name(b"xshop.example")), "a dot at the end": message(server_name(b"shop.example.")),
    "upper case": message(server_name(b"SHOP.Example")),
    "a name of 255 bytes": message(server_name(b"a." * 127 + b"a")), "a name of 256 bytes": message(server_name(b"a." * 128)),
    "an empty name": message(server_name(b"")), "an address": message(server_name(b"192.0.2.1")),
    "a name with a NUL": message(server_name(b"shop.example\0.evil.example")),
    "a NUL at the end": message(server_name(b"shop.example\0")),
    "two names": message(SHOP, server_name(b"other.example")), "the name twice": message(SHOP, SHOP),
    "two names in one list": message(extension(0, sized_by(2, 2 * (b"\0" + sized_by(2, b"shop.example"))))),
    "another type of name": message(server_name(b"shop.example", 1)), "no list of names": message(extension(0, b"")),
    "an empty list of names": message(extension(0, b"\0\0")),
    "a list that lies": message(extension(0, b"\0\x10\0\0\x0cshop.example")),
    "a name longer than its list": message(extension(0, sized_by(2, b"\0\0\xffshop.example"))),
    "GREASE": message(GREASE[0], SHOP, GREASE[1]),
    "ECH, outer": message(extension(ENCRYPTED, b"\0\0\1\0\1\7" + sized_by(2, bytes(32)) + sized_by(2, bytes(160))), SHOP),
    "post-quantum": message(POST_QUANTUM, SHOP), "post-quantum, the name first": message(SHOP, POST_QUANTUM),
    "protocols": message(extension(PROTOCOLS, sized_by(2, b"\2h2\x08http/1.1")), SHOP),
    "8 KiB": message(extension(PADDING, bytes(8_000)), SHOP), "nearly 16 KiB": message(extension(PADDING, bytes(16_000)), SHOP),
    "something behind": message(SHOP, tail=b"x"), "extensions that lie": lying(PLAIN, 0x36, 0xFF),
    "SSL 2": SSL2, "an alert": b"\x15\3\1\0\2\2\x28", "another handshake message": b"\x16\3\1\0\4\2\0\0\0",
    "an empty record": b"\x16\3\1\0\0" + PLAIN,
    "SSL 2's version": lying(PLAIN, 1, 2), "a record too long": b"\x16\3\1\x7f\xff" + PLAIN[5:],
    "nothing of the kind": b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n",
}

BEYOND = {
    "beyond the limit": message(SHOP, extension(PADDING, bytes(17_000))),
    "cut": PLAIN[:-1], "a byte": PLAIN[:1], "a message that lies": lying(PLAIN, 8, PLAIN[8] + 1),
    "a record that lies": lying(PLAIN, 4, PLAIN[4] - 1),
}
"""What has no end, or one that is too far away, takes the last route."""


def is_for_the_shop(stream):
    """By OpenSSL, and by the way names are compared (RFC 6066, 3; RFC 4343). It takes empty records too, which must not be sent
    (RFC 8446, 5.1)."""
    name = name_for_openssl(stream)
    return bool(name) and name.lower().removesuffix(".") == NAME and not has_empty_record(stream)


def has_empty_record(stream):
    at = 0
    while at + 5 <= len(stream):
        size = int.from_bytes(stream[at + 3:at + 5], "big")
        if size == 0:
            return True
        at += 5 + size
    return False


def arrival(stage, proxy, listeners, pieces, pause=0.003, ends=True):
    """The number of the upstream that a client is led to, and what arrives there; None where it is closed."""
    client = stage.connect(proxy.addresses[0], 10)
    with contextlib.closing(client):
        with contextlib.suppress(OSError):
            for piece in pieces:
                client.sendall(piece)
                if len(pieces) > 1:
                    time.sleep(pause)
            if ends:
                finish(client)
        size, deadline = len(b"".join(pieces)), time.monotonic() + 10
        while time.monotonic() < deadline:
            for number, listener in enumerate(listeners):
                with contextlib.suppress(TimeoutError, BlockingIOError), contextlib.closing(listener.accept(0.005)) as server:
                    return number, received(server, size)
            client.settimeout(0.001)
            with contextlib.suppress(TimeoutError):
                try:
                    assert client.recv(1) == b""
                except ConnectionError:
                    pass
                return None
    raise AssertionError("neither led anywhere nor closed")


def received(server, size):
    said = b""
    while len(said) < size and (piece := server.recv(1 << 16)):
        said += piece
    return said


def expect_all(tally, fates, expected):
    wrong = [f"{name}: {told(fates[name])} instead of {told(expected[name])}" for name in expected if fates[name] != expected[name]]
    tally.count(len(expected), len(wrong))
    assert not wrong, "\n".join(wrong)


def told(fate):
    return "closed" if fate is None else f"upstream {fate[0]} with {len(fate[1])} bytes"


@pytest.mark.matrix("C5")
def test_the_name_that_openssl_finds_decides(relay_stage, tally):
    stage, listeners = relay_stage, [relay_stage.listen() for _ in range(2)]
    proxy = by_name(stage, listeners[1].address, listeners[0].address)
    expected = {name: (int(is_for_the_shop(stream)), stream) for name, stream in WHOLE.items()}
    assert {number for number, _ in expected.values()} == {0, 1}
    expected |= {name: (0, stream) for name, stream in BEYOND.items()}
    fates = {name: arrival(stage, proxy, listeners, [stream]) for name, (_, stream) in expected.items()}
    expect_all(tally, fates, expected)


@pytest.mark.matrix("C5")
@pytest.mark.parametrize("name", ["plain", "of OpenSSL, with protocols", "post-quantum, the name first", "nearly 16 KiB"])
def test_a_hello_in_pieces_is_the_same_hello(relay_stage, tally, name):
    """Over segments, over records, and over both; more comes right behind it."""
    stage, listeners, stream = relay_stage, [relay_stage.listen() for _ in range(2)], WHOLE[name]
    proxy = by_name(stage, listeners[1].address, listeners[0].address)
    whole, behind = stream[5:], b"\x17\3\3\0\4more"
    said = {"whole": [stream, behind], "at once": [stream + behind]}
    for cut in {1, 3, 5, 6, 9, 43, len(stream) // 2, len(stream) - 1}:
        said[f"segments, cut at {cut}"] = [stream[:cut], stream[cut:] + behind]
    for size in {max(1, len(whole) // 90), 64, 500, len(whole) - 1}:
        if len(whole) <= 100 * size:
            said[f"records of {size}"] = [in_records(whole, size) + behind]
            cut = in_records(whole, size) + behind
            said[f"records of {size}, in segments"] = [cut[at:at + len(cut) // 7 + 1] for at in range(0, len(cut), len(cut) // 7 + 1)]
    expected = {way: (1, b"".join(pieces)) for way, pieces in said.items()}
    fates = {way: arrival(stage, proxy, listeners, pieces) for way, pieces in said.items()}
    expect_all(tally, fates, expected)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python wants names to be ASCII.
@pytest.mark.matrix("C5")
def test_damaged_hellos_are_led_where_openssl_says_and_arrive_as_they_came(relay_stage, tally):
    """What OpenSSL finds broken may go either way, as the damage may be where nobody looks. Nobody is closed, and no byte is
    another."""
    stage, listeners, dice = relay_stage, [relay_stage.listen() for _ in range(2)], random.Random(1995)
    proxy = by_name(stage, listeners[1].address, listeners[0].address)
    whole = [stream for name, stream in WHOLE.items() if is_for_the_shop(stream) and len(stream) < 3_000]
    wrong, count = [], share(stage, sized(200, 2_000, 5_000))
    for number in range(count):
        stream = bytearray(dice.choice(whole))
        for _ in range(dice.randint(1, 2)):
            places = dice.randrange(len(stream)), dice.randrange(11), dice.randrange(43, min(len(stream), 200))
            stream[dice.choice(places)] = dice.randrange(256)
        stream = bytes(stream)
        fate = arrival(stage, proxy, listeners, [stream])
        is_shop = is_for_the_shop(stream)
        if fate is None or fate[1] != stream or is_shop and fate[0] != 1:
            wrong.append(f"{number}: {fate and fate[0]}, OpenSSL says {is_shop}: {stream.hex()}")
    tally.count(count, len(wrong))
    assert not wrong, "\n".join(wrong)


@pytest.mark.matrix("C5")
def test_the_ledger_is_kept_where_hellos_are_looked_for(relay_stage, tally):
    """What is no hello takes the last route, whoever speaks first and however it ends."""
    stage = relay_stage
    nobody = stage.listen().address
    proxy = by_name(stage, nobody, start_peer(stage))
    report = run_bench(stage, proxy, "ledger", "--total", str(share(stage, sized(300, 3_000, 20_000))), "--connections", "32",
                       "--size", "16KiB", timeout=300)
    tally.count(report["connections"]["finished"])
