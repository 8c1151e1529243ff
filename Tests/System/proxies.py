"""The proxies that can stand in namespace B: Longsplice itself and the ones it is compared with.

All share one shape: `start()`, `stop()`, `pid`, `cpu_seconds()`, `threads()`, `descriptors()`,
`rss()`; addresses are spelled as on Longsplice's command line (`1.2.3.4:80`, `[::1]:80`,
`unix:/path`).
"""

import os
import re
import signal
import time
from pathlib import Path

from processes import wait_until


def binary():
    """The command under test: LONGSPLICE_BIN, or the release build next to these tests."""
    built = Path(__file__).resolve().parents[2] / ".build" / "release" / "longsplice"
    return Path(os.environ.get("LONGSPLICE_BIN") or built)


def port_of(address):
    return int(address.rpartition(":")[2])


class Proxy:
    """A program between A and C; the figures are those of its process and its children."""

    def __init__(self, lab, where, listen, upstreams):
        self.lab, self.where = lab, where
        self.listen = [listen] if isinstance(listen, str) else list(listen)
        self.upstreams = [upstreams] if isinstance(upstreams, str) else list(upstreams)
        self.process = None
        self.reloads = False
        self.wrapper = ()
        self.timeouts = {"connect": "5s", "idle": "1h", "fin": "30s", "prologue": "3s"}
        self.trusted = None
        """Whose PROXY headers the controls take; nginx takes everybody's."""
        self.told = None
        """By which version of it they tell their upstreams; nginx knows the first only."""
        self.names = {}
        """Upstreams for clients that name this host in their ClientHello."""

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    def stop(self, timeout=10.0):
        return self.process.stop(timeout)

    def alive(self):
        return self.process.alive()

    def output(self):
        return self.process.output()

    def cpu_seconds(self):
        return self.process.cpu_seconds()

    def threads(self):
        return self.process.threads()

    def descriptors(self):
        return self.process.descriptors()

    def rss(self):
        return self.process.rss()

    def _wait_for_listeners(self):
        """For programs that do not say when they are ready."""
        for address in self.listen:
            if address.startswith("unix:"):
                path = address.removeprefix("unix:")
                wait_until(lambda: os.path.exists(path), 10, path)
            else:
                self.lab.wait_port(self.where, port_of(address), watched=self.process)


class Longsplice(Proxy):
    """`longsplice serve`; port 0 is welcome, `addresses` tells what became of it.

    With `config`, a configuration file says where to listen, and `listen` only tells how many addresses that are."""

    def __init__(self, lab, where, listen, upstreams, engine="auto", extra_flags=(), wrapper=(),
                 limits=None, config=None):
        super().__init__(lab, where, listen, upstreams)
        self.engine, self.extra_flags, self.wrapper = engine, extra_flags, wrapper
        self.limits, self.config = limits, config
        self.addresses = []
        self.awaited = False
        """Whether somebody saw to its end already."""
        self.is_mute = False
        """Whether its log cannot be read (any more)."""
        self.expected_surprises = ()
        """Counters that a test makes grow although they should stay at zero."""

    @property
    def workers(self):
        return self._flag("--workers", os.cpu_count())

    @property
    def ring_threads(self):
        """The kernel's threads that the rings may keep; the embedded echo server has a ring too."""
        if self.engine == "epoll":
            return 0
        rings = self.workers + ("echo" in self.upstreams)
        return rings * self._flag("--iowq-workers", 1)

    def _flag(self, name, default):
        flags = list(self.extra_flags)
        return int(flags[flags.index(name) + 1]) if name in flags else default

    def argv(self):
        if self.config:
            return [str(part) for part in
                    (*self.wrapper, binary(), "serve", "--config", self.config, *self.extra_flags)]
        argv = [*self.wrapper, binary(), "serve", "--engine", self.engine]
        for address in self.listen:
            argv += ["--listen", address]
        for address in self.upstreams:
            argv += ["--upstream", address]
        return [str(part) for part in (*argv, *self.extra_flags)]

    def start(self):
        self.process = self.lab.start(self.where, self.argv(), limits=self.limits)
        count = len(self.listen)
        self.process.wait_for_output(r"(?:listening on [\s\S]*){%d}" % count)
        wait_until(lambda: len(self._announced()) >= count, 2, "complete start-up lines")
        self.addresses = self._announced()
        return self

    def _announced(self):
        """What is announced, complete lines only, in the order of the listeners."""
        complete = self.output().rpartition("\n")[0]
        return re.findall(r'listening on ((?:unix:)?[^\s",]+)', complete)

    @property
    def port(self):
        return port_of(self.addresses[0])

    def signal(self, number):
        self.process.signal(number)

    def wait(self, timeout=10.0):
        self.awaited = True
        return self.process.wait(timeout)

    def stop(self, timeout=10.0):
        self.awaited = True
        return super().stop(timeout)

    def counters(self, timeout=5.0):
        """Ask with SIGUSR1 and read the answer, complete once the last of those that are always told is there and the
        log has been quiet a moment."""
        start = len(self.output())
        last = f"counter {self._last_counter}="
        self.signal(signal.SIGUSR1)
        wait_until(lambda: last in self.output()[start:], timeout, "counters after SIGUSR1")
        said = ""
        while said != (said := self.output()[start:]):
            time.sleep(0.05)
        return {name: int(value) for name, value in re.findall(r"counter (\S+)=(\d+)", said)}

    @property
    def _last_counter(self):
        checks = self.config and "health:" in Path(self.config).read_text()
        return "servers_down" if checks else "pipes_borrowed"

    def counters_once(self, timeout=5.0, **expected):
        """The counters as soon as some of them have the expected values: a peer may see the end of
        a connection a moment before it is counted."""
        deadline = time.monotonic() + timeout
        while True:
            counters = self.counters()
            seen = {name: counters.get(name) for name in expected}
            if seen == expected:
                return counters
            assert time.monotonic() < deadline, f"counted {seen}, expected {expected}"


class HAProxy(Proxy):
    """HAProxy in TCP mode, splicing always (`forced`) or where it thinks it pays (`auto`)."""

    SPLICE = {
        "forced": "option splice-request\n  option splice-response",
        "auto": "option splice-auto",
        "none": "",
    }

    def __init__(self, lab, where, listen, upstreams, threads=1, splice="forced",
                 max_connections=3000):
        super().__init__(lab, where, listen, upstreams)
        self.thread_count, self.splice, self.max_connections = threads, splice, max_connections

    def configuration(self):
        binds = "\n  ".join(f"bind {self._spelled(address)}" for address in self.listen)
        tells = {None: "", "v1": " send-proxy", "v2": " send-proxy-v2"}[self.told]
        servers = "\n  ".join(f"server s{number} {self._spelled(address)}{tells}"
                              for number, address in enumerate(self.upstreams))
        if self.trusted:
            binds += f"\n  tcp-request connection expect-proxy layer4 if {{ src {self.trusted} }}"
        if self.names:
            binds += (f"\n  tcp-request inspect-delay {self.timeouts['prologue']}"
                      "\n  tcp-request content accept if { req.ssl_hello_type 1 }")
        for number, (name, address) in enumerate(self.names.items()):
            binds += f"\n  use_backend n{number} if {{ req.ssl_sni -i {name} }}"
            servers += f"\nbackend n{number}\n  server s {self._spelled(address)}{tells}"
        return f"""
global
  nbthread {self.thread_count}
  maxconn {self.max_connections}
  maxpipes {self.max_connections}
  tune.pipesize 1048576
defaults
  mode tcp
  option redispatch 1
  timeout connect {self.timeouts["connect"]}
  timeout client {self.timeouts["idle"]}
  timeout server {self.timeouts["idle"]}
  timeout client-fin {self.timeouts["fin"]}
  timeout server-fin {self.timeouts["fin"]}
  {self.SPLICE[self.splice]}
listen all
  {binds}
  {servers}
"""

    @staticmethod
    def _spelled(address):
        return address.replace("unix:", "unix@").replace("[", "").replace("]", "")

    def start(self):
        file = self.lab.fresh_path(".cfg")
        file.write_text(self.configuration())
        # A master that starts a new worker at each reload, and hands it the listening sockets.
        self.process = self.lab.start(self.where, [*self.wrapper, "haproxy", "-W", "-db", "-f", file]
                                      if self.reloads else [*self.wrapper, "haproxy", "-db", "-f", file])
        self._wait_for_listeners()
        return self

    def reload(self):
        self.process.signal(signal.SIGUSR2)


class NginxStream(Proxy):
    """nginx's stream module: copies through user space; its workers are processes."""

    def __init__(self, lab, where, listen, upstreams, workers=1, buffer="16k",
                 max_connections=3000, half_close=True):
        super().__init__(lab, where, listen, upstreams)
        self.workers, self.buffer, self.max_connections = workers, buffer, max_connections
        self.half_close = "on" if half_close else "off"

    def configuration(self):
        takes = " proxy_protocol" if self.trusted else ""
        listens = "\n".join(f"    listen {address}{takes};" for address in self.listen)
        names = "".join(f"    {name} {address};\n" for name, address in self.names.items())
        servers = "\n".join(f"    server {address};" for address in self.upstreams)
        return f"""
load_module modules/ngx_stream_module.so;
daemon off;
pid {self.lab.fresh_path('.pid')};
error_log stderr;
worker_processes {self.workers};
worker_rlimit_nofile {4 * self.max_connections};
events {{ worker_connections {2 * self.max_connections + 64}; }}
stream {{
  upstream all {{
{servers}
  }}
  map $ssl_preread_server_name $target {{
    hostnames;
{names}    default all;
  }}
  server {{
{listens}
    proxy_pass $target;
    proxy_protocol {"on" if self.told else "off"};
    proxy_protocol_timeout {self.timeouts["prologue"]};
    ssl_preread {"on" if self.names else "off"};
    preread_timeout {self.timeouts["prologue"]};
    proxy_buffer_size {self.buffer};
    proxy_timeout {self.timeouts["idle"]};
    proxy_connect_timeout {self.timeouts["connect"]};
    proxy_half_close {self.half_close};
  }}
}}
"""

    def start(self):
        file = self.lab.fresh_path(".conf")
        file.write_text(self.configuration())
        self.process = self.lab.start(self.where, [*self.wrapper, "nginx", "-c", file, "-e", "stderr"])
        self._wait_for_listeners()
        return self

    def reload(self):
        self.process.signal(signal.SIGHUP)
