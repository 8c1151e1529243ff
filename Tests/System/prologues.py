"""What comes before the payload: PROXY headers and ClientHellos, as the specifications write them down."""

import contextlib
import socket
import ssl
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
SOURCE, DESTINATION = ("203.0.113.7", 50122), ("192.0.2.1", 443)
LINE = b"PROXY TCP4 203.0.113.7 192.0.2.1 50122 443\r\n"

ALPN, AUTHORITY, CRC32C, UNIQUE_ID = 0x01, 0x02, 0x03, 0x05


def crc32c(data):
    """Castagnoli, bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def v2(source=SOURCE, destination=DESTINATION, tlvs=b"", local=False, checksum=False):
    """A header of version 2; without addresses where `source` is None."""
    body, family = b"", 0
    if source:
        kind = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
        family = 0x21 if kind == socket.AF_INET6 else 0x11
        body = b"".join(socket.inet_pton(kind, end[0]) for end in (source, destination))
        body += struct.pack(">HH", source[1], destination[1])
    body += tlvs + (tlv(CRC32C, bytes(4)) if checksum else b"")
    header = SIGNATURE + struct.pack(">BBH", 0x20 if local else 0x21, family, len(body)) + body
    return header[:-4] + struct.pack(">I", crc32c(header)) if checksum else header


def hello(name, protocols=()):
    """The ClientHello that OpenSSL sends for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
    raise AssertionError("a handshake with nobody")


# What the specification makes of a stream's first bytes

INCOMPLETE, REFUSED = "incomplete", "refused"
LONGEST = 4096
"""Of a header of version 2; longer ones are allowed by the specification and refused here."""


def verdict(data):
    """How many bytes of a stream are its header, or INCOMPLETE, or REFUSED. (HAProxy's doc/proxy-protocol.txt, section 2.)"""
    return _line(data) if data.startswith(b"P") else _binary(data)


def _line(data):
    end = data.find(b"\r\n", 0, 107)
    if end < 0:
        return REFUSED if len(data) >= 107 or _is_wrong_already(data) else INCOMPLETE
    line = data[:end]
    if b"\r" in line or b"\n" in line:
        return REFUSED
    words = line.split(b" ")
    if words[:2] == [b"PROXY", b"UNKNOWN"]:
        return end + 2
    kinds = {b"TCP4": socket.AF_INET, b"TCP6": socket.AF_INET6}
    if len(words) != 6 or words[0] != b"PROXY" or words[1] not in kinds:
        return REFUSED
    is_good = all(_is_address(word, kinds[words[1]]) for word in words[2:4]) and all(map(_is_port, words[4:]))
    return end + 2 if is_good else REFUSED


def _is_wrong_already(data):
    """Without its end a line may be refused or waited for; whoever sends FIN is refused in any case."""
    return b"\n" in data or b"\r" in data[:-1] or data[:6] != b"PROXY "[:len(data[:6])]


def _is_address(word, family):
    try:
        socket.inet_pton(family, word.decode("ascii"))
    except (OSError, ValueError):
        return False
    return True


def _is_port(word):
    return word.isdigit() and str(int(word)).encode() == word and int(word) <= 65535


def _binary(data):
    if data[:12] != SIGNATURE[:len(data[:12])]:
        return REFUSED
    if len(data) < 16:
        return INCOMPLETE if len(data) < 13 or data[12] in (0x20, 0x21) else REFUSED
    command, family, size = struct.unpack(">BBH", data[12:16])
    blocks = {0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216}
    is_local = command == 0x20
    if command not in (0x20, 0x21) or not is_local and family not in blocks or 16 + size > LONGEST:
        return REFUSED
    if not is_local and size < blocks[family]:
        return REFUSED
    if len(data) < 16 + size:
        return INCOMPLETE
    if is_local or family == 0:
        return 16 + size
    return 16 + size if _are_tlvs(data[:16 + size], 16 + blocks[family]) else REFUSED


def _are_tlvs(header, at):
    checksum = None
    while at < len(header):
        if len(header) - at < 3:
            return False
        kind, size = struct.unpack(">BH", header[at:at + 3])
        at += 3 + size
        if at > len(header) or kind == UNIQUE_ID and size > 128:
            return False
        if kind == CRC32C:
            if size != 4 or checksum:
                return False
            checksum = at - 4, at
    if not checksum:
        return True
    start, end = checksum
    return header[start:end] == struct.pack(">I", crc32c(header[:start] + bytes(4) + header[end:]))


# ClientHellos

SERVER_NAME, PADDING, PROTOCOLS, KEY_SHARE, ENCRYPTED = 0, 21, 16, 51, 0xFE0D


def sized_by(count, value):
    """A value behind its length in `count` bytes."""
    return len(value).to_bytes(count, "big") + value


def extension(kind, value):
    return struct.pack(">H", kind) + sized_by(2, value)


def server_name(name, kind=0):
    return extension(SERVER_NAME, sized_by(2, bytes([kind]) + sized_by(2, name)))


def hello_message(*extensions, tail=b""):
    """By the text of RFC 8446, 4.1.2; the handshake message without records."""
    # supported_groups and signature_algorithms, without which a server may find nothing in common.
    more = extension(10, sized_by(2, b"\0\x1d\0\x17")) + extension(13, sized_by(2, b"\4\3\x08\x04\4\1"))
    body = b"\3\3" + bytes(range(32)) + sized_by(1, bytes(32)) + sized_by(2, bytes.fromhex("c02bc02fc00a")) + sized_by(1, b"\0")
    return b"\1" + sized_by(3, body + sized_by(2, b"".join(extensions) + more) + tail)


def in_records(message, size=16384):
    parts = (message[at:at + size] for at in range(0, len(message), size))
    return b"".join(b"\x16\3\1" + sized_by(2, part) for part in parts)


def name_for_openssl(stream):
    """The name that OpenSSL's server finds in a ClientHello; None where there is none, and where it takes it for no ClientHello."""
    found = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _, name, __: found.append(name)
    incoming = ssl.MemoryBIO()
    incoming.write(stream)
    server = context.wrap_bio(incoming, ssl.MemoryBIO(), server_side=True)
    with contextlib.suppress(ssl.SSLError, UnicodeError):
        server.do_handshake()
    return found[0] if found else None
