"""Servers of static files side by side: file-server over Longsplice's sendfile, nginx, and sendfile(2) in C.

    A (client) ── veth ── B (server)

Run as `python3 -m sendfile` from Benchmarks, as root.
"""

from dataclasses import dataclass

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
SIZES = {"4KiB": 4 * KIB, "64KiB": 64 * KIB, "1MiB": MIB, "1GiB": GIB}


@dataclass(frozen=True)
class Case:
    """What is asked for: files of one size, by so many clients, from the page cache or from the disk."""
    size_name: str
    clients: int
    is_cold: bool

    @property
    def name(self):
        plural = "s" if self.clients > 1 else ""
        return f"{self.size_name}, {self.clients} client{plural}, {'cold' if self.is_cold else 'hot'}"

    @property
    def size(self):
        return SIZES[self.size_name]
