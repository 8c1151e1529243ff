"""Destroying somebody's TCP connection, as `ss -K` does: sock_diag(7), SOCK_DESTROY.

The owner is told ECONNABORTED, the peer gets RST. In a thread's present namespace; needs
CAP_NET_ADMIN there and a kernel with CONFIG_INET_DIAG_DESTROY.
"""

import errno
import os
import socket
import struct

_SOCK_DIAG, _DESTROY, _REQUEST_AND_ACK = 4, 21, 5
_ANY_COOKIE = 0xFFFFFFFF


class Destroyer:
    def __init__(self):
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG)
        self._netlink.bind((0, 0))

    def close(self):
        self._netlink.close()

    def destroy(self, local, remote):
        """The socket with these IPv4 addresses (host, port); raises where there is none."""
        identity = struct.pack("!HH16s16s", local[1], remote[1], _padded(local[0]), _padded(remote[0]))
        identity += struct.pack("=III", 0, _ANY_COOKIE, _ANY_COOKIE)
        body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + identity
        self._netlink.send(struct.pack("=IHHII", 16 + len(body), _DESTROY, _REQUEST_AND_ACK, 1, 0) + body)
        code = -struct.unpack_from("=i", self._netlink.recv(4096), 16)[0]
        if code:
            raise OSError(code, os.strerror(code))

    def is_supported(self):
        """Whether the kernel can do it: asked for a connection that nobody has."""
        try:
            self.destroy(("127.0.0.1", 1), ("127.0.0.1", 1))
        except OSError as error:
            return error.errno == errno.ENOENT
        return True


def _padded(host):
    return socket.inet_aton(host) + bytes(12)
