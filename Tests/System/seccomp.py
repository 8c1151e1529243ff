"""Runs a program under a seccomp filter that refuses one system call:

    seccomp.py errno|kill NUMBER[:SECOND] PROGRAM ARGUMENT…

as container runtimes do; with SECOND only calls with that second argument. With `errno` the call says
EPERM, with `kill` the process ends by SIGSYS.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

IO_URING_SETUP = 425
FCNTL = {"x86_64": 72, "aarch64": 25}[platform.machine()]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def refuse(number, verdict, second=None):
    """From here on, in this thread and its children, the system call `number` meets the verdict."""
    # Offsets in struct seccomp_data: the number at 0, the architecture at 4, arguments from 16 on.
    tests = [(4, _ARCHITECTURES[platform.machine()]), (0, number)]
    tests += [(24, second)] if second is not None else []
    steps = []
    for place, (offset, value) in enumerate(tests):
        steps += [(_LOAD, 0, 0, offset), (_JUMP_IF_EQUAL, 0, 2 * (len(tests) - place) - 1, value)]
    steps += [(_RETURN, 0, 0, verdict), (_RETURN, 0, 0, _ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
            libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    number, _, second = sys.argv[2].partition(":")
    verdict = _KILL if sys.argv[1] == "kill" else _ERRNO | errno.EPERM
    refuse(int(number), verdict, int(second) if second else None)
    os.execvp(sys.argv[3], sys.argv[3:])
