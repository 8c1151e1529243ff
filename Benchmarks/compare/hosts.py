"""Hosts A, B and C of one run: the system tests' laboratory, with room for many connections."""

import contextlib
import os

from lab import Lab, endpoint

RELAY_PORT = 7000
PEER_PORT = 9000
IPERF_PORT = 5201
CONGESTION = "cubic"
"""The congestion control of every host, Linux's own choice. One that paces (bbr) sends at the rate of its model, not as fast
as the programs could, and the machine's choice would be part of every figure."""


class Hosts(Lab):
    """Made fresh for each run, so that no port in TIME-WAIT and no learned metric of one run is met by the next."""

    def __init__(self, congestion=CONGESTION, is_split=False):
        super().__init__()
        self._congestion, self._is_split = congestion, is_split

    def start(self, where, argv, **options):
        with self._processors(where):
            return super().start(where, argv, **options)

    def run(self, where, argv, **options):
        with self._processors(where):
            return super().run(where, argv, **options)

    @contextlib.contextmanager
    def _processors(self, where):
        """Where the hosts are split, whatever runs in B has the first processor, and nothing else has."""
        every = os.sched_getaffinity(0)
        first = min(every)
        if self._is_split:
            os.sched_setaffinity(0, {first} if where == "B" else every - {first})
        try:
            yield
        finally:
            os.sched_setaffinity(0, every)

    def _build(self):
        super()._build()
        for where in "AB":
            self.sysctl(where, "net.ipv4.ip_local_port_range", "1024 65535")
            self.sysctl(where, "net.ipv4.tcp_tw_reuse", "1")
        for where in "ABC":
            self.sysctl(where, "net.ipv4.tcp_congestion_control", self._congestion)
            # The ports that listeners use are no client's.
            self.sysctl(where, "net.ipv4.ip_local_reserved_ports", f"{IPERF_PORT},{RELAY_PORT},{PEER_PORT}")
            self.sysctl(where, "net.ipv4.tcp_max_syn_backlog", "16384")
            self.sysctl(where, "net.core.somaxconn", "16384")

    def place(self, where, port):
        return endpoint(self.address(where), port)

    def established(self, where, port):
        """Connections to a local port that stand, counted in the kernel's tables."""
        wanted, count = f":{port:04X}", 0
        with self.inside(where):
            # A listener of [::] has its IPv4 connections in the other table.
            for name in ("tcp", "tcp6"):
                with open(f"/proc/thread-self/net/{name}", encoding="ascii") as table:
                    rows = (line.split(None, 4) for line in table)
                    count += sum(1 for row in rows if row[3] == "01" and row[1].endswith(wanted))
        return count
