"""Sockets of another process, looked at through duplicates of its descriptors (pidfd_getfd(2))."""

import contextlib
import ctypes
import os
import socket

_libc = ctypes.CDLL(None, use_errno=True)
_PIDFD_GETFD = 438


@contextlib.contextmanager
def sockets_of(pid):
    """Duplicates of all sockets of a process."""
    process, found = os.pidfd_open(pid), []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                    continue
                number = _libc.syscall(_PIDFD_GETFD, process, int(name), 0)
                if number >= 0:
                    found.append(socket.socket(fileno=number))
        yield found
    finally:
        for each in found:
            each.close()
        os.close(process)


def _is_listening(each):
    return each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def _ends(each):
    with contextlib.suppress(OSError):
        return each.getsockname(), each.getpeername()
    return None


def listening(sockets):
    """Those that listen for TCP clients."""
    return [each for each in sockets if each.family in (socket.AF_INET, socket.AF_INET6) and _is_listening(each)]


def connected_to(sockets, peer):
    """The one whose other end is the socket `peer`."""
    [found] = [each for each in sockets if _ends(each) == (peer.getpeername(), peer.getsockname())]
    return found
