"""A small network on one machine: client A, proxy B, server C, each in a namespace of its own.

    A ── veth ── B ── veth ── C        B forwards, so that A can also talk to C directly.

`Lab(alone=True)` is the fast variant: A, B and C are one namespace and talk over its loopback.
Everything started through a lab ends with it, and the namespaces vanish with it.
"""

import atexit
import contextlib
import ctypes
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from processes import Process, allow_all_descriptors, wait_until

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_serial = itertools.count()

_ADDRESSES = {
    ("A", 4): "10.77.1.1", ("B", 4): "10.77.1.2", ("C", 4): "10.77.2.3",
    ("A", 6): "fd77:1::1", ("B", 6): "fd77:1::2", ("C", 6): "fd77:2::3",
}
_B_TOWARDS_C = {4: "10.77.2.2", 6: "fd77:2::2"}


def endpoint(host, port):
    """`host:port` as command lines spell it, IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _ip(*commands):
    """Run several `ip` commands at once."""
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n", text=True,
                          capture_output=True, timeout=20)
    if done.returncode != 0:
        raise RuntimeError(f"ip: {done.stderr.strip()} while running {commands}")


def _setns(file):
    if _libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Lab:
    def __init__(self, alone=False):
        self.alone = alone
        self.directory = None
        self._processes = []
        prefix = f"ls{os.getpid()}-{next(_serial)}"
        self._namespaces = {name: prefix + (name.lower() if not alone else "b") for name in "ABC"}

    # Building up and tearing down

    def __enter__(self):
        allow_all_descriptors()
        atexit.register(self.close)
        self.directory = Path(tempfile.mkdtemp(prefix="longsplice-lab-"))
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End every process of the lab and remove its traces. Harmless when repeated."""
        atexit.unregister(self.close)
        for process in reversed(self._processes):
            if process.alive():
                process.kill()
        self._processes.clear()
        for name in set(self._namespaces.values()):
            if os.path.exists(f"/run/netns/{name}"):
                subprocess.run(["ip", "netns", "delete", name], check=False, timeout=20)
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _build(self):
        names = self._namespaces
        _ip(*(f"netns add {name}" for name in sorted(set(names.values()))))
        for where in names:
            with self.inside(where):
                _ip("link set lo up")
        self.sysctl("B", "net.ipv4.ip_local_port_range", "1024 65535")
        self.sysctl("B", "net.ipv4.tcp_tw_reuse", "1")
        if not self.alone:
            self._lay_cables()

    def _lay_cables(self):
        names = self._namespaces
        _ip(f"link add a-b netns {names['A']} type veth peer name b-a netns {names['B']}",
            f"link add b-c netns {names['B']} type veth peer name c-b netns {names['C']}")
        own = _ADDRESSES
        plan = {
            "A": [("a-b", own["A", 4], own["A", 6])],
            "B": [("b-a", own["B", 4], own["B", 6]), ("b-c", _B_TOWARDS_C[4], _B_TOWARDS_C[6])],
            "C": [("c-b", own["C", 4], own["C", 6])],
        }
        routes = {"A": (own["B", 4], own["B", 6]), "C": (_B_TOWARDS_C[4], _B_TOWARDS_C[6])}
        for end, links in plan.items():
            with self.inside(end):
                for device, four, six in links:
                    _ip(f"address add {four}/24 dev {device}",
                        f"address add {six}/64 dev {device} nodad",
                        f"link set {device} up")
                if end in routes:
                    _ip(*(f"route add default via {router}" for router in routes[end]))
        self.sysctl("B", "net.ipv4.ip_forward", "1")
        self.sysctl("B", "net.ipv6.conf.all.forwarding", "1")

    # Being somewhere

    @contextlib.contextmanager
    def inside(self, where):
        """Move the calling thread into a namespace and back. A socket or a thread or a process
        made inside belongs to that namespace for good."""
        with open("/proc/thread-self/ns/net", "rb") as home, \
                open(f"/run/netns/{self._namespaces[where]}", "rb") as there:
            _setns(there)
            try:
                yield
            finally:
                _setns(home)

    def address(self, where, family=4):
        """The address at which the neighbours of A, B or C reach it."""
        if self.alone:
            return "127.0.0.1" if family == 4 else "::1"
        return _ADDRESSES[where, family]

    def fresh_path(self, suffix=""):
        """A new file name in the lab's own directory (short enough for a UNIX socket)."""
        return self.directory / f"{next(_serial)}{suffix}"

    def sysctl(self, where, name, value=None):
        """Set or read a network sysctl, which the kernel keeps per namespace."""
        with self.inside(where):
            path = Path("/proc/sys", name.replace(".", "/"))
            return path.read_text() if value is None else path.write_text(value)

    # Programs

    def start(self, where, argv, **options):
        """Start a program in a namespace; its output goes to a file of the lab."""
        with self.inside(where):
            process = Process(argv, self.fresh_path(".log"), **options)
        self._processes.append(process)
        return process

    def run(self, where, argv, timeout=60, check=True, env=None, input=None):
        """Run a program to its end within a bound of time; stdout and stderr come apart."""
        with self.inside(where):
            done = subprocess.run([str(part) for part in argv], capture_output=True, text=True,
                                  timeout=timeout, env={**os.environ, **(env or {})}, input=input,
                                  errors="replace")
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, argv))} ended with {done.returncode}:\n"
                               f"{done.stdout}{done.stderr}")
        return done

    # Ports

    def free_port(self, where, family=4):
        """A TCP port for programs that cannot pick their own. It was free a moment ago, and is given to nobody who does not ask
        for it by its number, be it while nobody listens there (net.ipv4.ip_local_reserved_ports)."""
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        with self.inside(where), socket.socket(kind) as probe:
            probe.bind(("", 0))
            port = probe.getsockname()[1]
            reserved = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
            reserved.write_text(",".join(filter(None, [reserved.read_text().strip(), str(port)])))
            return port

    def listening_ports(self, where):
        """Ports in LISTEN, read from the kernel: a probing connection would count as a client."""
        ports = set()
        with self.inside(where):
            for table in ("tcp", "tcp6"):
                for line in Path(f"/proc/thread-self/net/{table}").read_text().splitlines()[1:]:
                    fields = line.split()
                    if fields[3] == "0A":
                        ports.add(int(fields[1].rpartition(":")[2], 16))
        return ports

    def wait_port(self, where, port, timeout=10.0, watched=None):
        """Wait until a TCP port accepts connections, or the `watched` process has died instead."""
        def listening():
            if watched and not watched.alive():
                raise RuntimeError(f"{watched.argv[0]} died:\n{watched.output()}")
            return port in self.listening_ports(where)
        wait_until(listening, timeout, f"port {port} in {where}")


# The proxies that run in a lab; here so that one import is enough.
from proxies import HAProxy, Longsplice, NginxStream  # noqa: E402,F401
