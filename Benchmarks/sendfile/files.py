"""The files that are served, and dropping them from the page cache."""

import contextlib
import ctypes
import mmap
import os

from compare.errors import Failure

from sendfile import GIB, KIB, MIB

COLD_COUNT = {4 * KIB: 4096, 64 * KIB: 1024, MIB: 256, GIB: 1}
"""Distinct files of a cold run, so that small ones are not all in one extent the disk reads ahead: 16 MiB to 1 GiB of them."""


class Files:
    """`f0`, `f1`, … of one size in a folder of their own, made once and kept for the next time."""

    def __init__(self, parent, case):
        self.folder = parent / f"{case.size}-{'cold' if case.is_cold else 'hot'}"
        self.size = case.size
        self.count = COLD_COUNT[case.size] if case.is_cold else 1

    def paths(self):
        return [self.folder / f"f{number}" for number in range(self.count)]

    def make(self):
        """Written to the end, never sparse: a hole would be read without the disk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        block = os.urandom(min(self.size, MIB))
        for path in self.paths():
            if path.exists() and path.stat().st_size == self.size:
                continue
            with open(path, "wb") as file:
                for _ in range(self.size // len(block)):
                    file.write(block)
        return self

    @contextlib.contextmanager
    def hot(self):
        """In the page cache, and locked there meanwhile (mlock(2)), since a kernel may drop pages that it takes for cold at any time (DAMON)."""
        with contextlib.ExitStack() as locks:
            for path in self.paths():
                with open(path, "rb", buffering=0) as file:
                    # Read first, in as large folios as any reader would have them.
                    while file.read(MIB):
                        pass
                    locks.enter_context(_locked(file.fileno(), self.size, path))
            yield

    def drop(self):
        """Out of the page cache; answers how many pages of them are still there (cachestat(2))."""
        return sum(self._drop(path) for path in self.paths())

    @staticmethod
    def _drop(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            # Pages that were touched a moment ago are still on their way into the kernel's lists.
            for _ in range(3):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                left = _cached_pages(descriptor)
                if not left:
                    break
            return left
        finally:
            os.close(descriptor)


_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.munmap.argtypes = _libc.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_MAP_FAILED = ctypes.c_void_p(-1).value
_CACHESTAT = 451
"""Of every architecture; Linux 6.5."""


def _cached_pages(descriptor):
    """0 where the kernel cannot tell. A read that must not wait (RWF_NOWAIT) is no way to ask: it begins to read ahead."""
    whole, told = (ctypes.c_uint64 * 2)(0, 0), (ctypes.c_uint64 * 5)()
    failed = _libc.syscall(_CACHESTAT, descriptor, ctypes.byref(whole), ctypes.byref(told), 0)
    return 0 if failed else told[0]


@contextlib.contextmanager
def _locked(descriptor, size, path):
    # Shared and to be read, or mlock(2) would make copies.
    start = _libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
    if start == _MAP_FAILED:
        raise Failure(f"mmap of {path}: {os.strerror(ctypes.get_errno())}")
    try:
        if _libc.mlock(start, size) != 0:
            raise Failure(f"mlock of {path}: {os.strerror(ctypes.get_errno())}")
        yield
    finally:
        _libc.munmap(start, size)
