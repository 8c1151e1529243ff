"""What comes before the payload: PROXY headers and ClientHellos, as the specifications write them down."""

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
