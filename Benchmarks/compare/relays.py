"""The relays at their best: each configured as its operator would who wants speed and nothing else.

No statistics, no logs, no health checks, long timeouts, room for nine thousand pairs within twenty thousand
descriptors.
"""

import resource

from lab import HAProxy, Longsplice, NginxStream
from proxies import Proxy

PAIRS_MAX = 9_100


def descriptors_max():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


class LongspliceRelay(Longsplice):
    def __init__(self, lab, listen, upstream, program, engine, flags):
        super().__init__(lab, "B", listen, upstream, engine, flags)
        self.program = program

    def argv(self):
        return [str(self.program), *super().argv()[1:]]


class PoolRelay(LongspliceRelay):
    """The same by a configuration file as an operator has one, without health checks and PROXY headers."""

    def __init__(self, lab, listen, upstream, program, engine, room):
        super().__init__(lab, listen, upstream, program, engine, [])
        self.config = lab.fresh_path(".yaml")
        self.config.write_text(f"""
engine: {engine}
workers: 1
limits: {{ {f"connections: {room}, " if room else ""}connections_per_client: 30000 }}
listeners:
  - name: edge
    bind: ["{listen}"]
    allow: [0.0.0.0/0]
    deny: [192.0.2.66]
    limits: {{ connections: 30000, per_client: 30000 }}
    routes:
      - {{ source: [192.0.2.0/24], reject: true }}
      - {{ pool: web }}
pools:
  - name: web
    balance: least_connections
    servers: [{{ address: "{upstream}", weight: 2 }}]
    connect: {{ timeout: 2s, retries: 2 }}
    server_limits: {{ connections: 30000, queue: 100, queue_timeout: 1s }}
    eject: {{ after_failures: 5, for: 10s, at_most: 50% }}
    timeouts: {{ idle: 1h, client_fin: 30s, server_fin: 30s }}
""")


class HAProxyRelay(HAProxy):
    """One MiB pipes where it splices; a pipe is held only while bytes are in it, so four hundred are plenty."""

    PIPES_MAX = 400

    def __init__(self, lab, listen, upstream, splice, threads):
        super().__init__(lab, "B", listen, upstream, threads=threads, splice=splice, max_connections=PAIRS_MAX)

    def configuration(self):
        return f"""
global
  nbthread {self.thread_count}
  maxconn {self.max_connections}
  maxpipes {self.PIPES_MAX}
  tune.pipesize 1048576
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  option tcp-smart-accept
  option tcp-smart-connect
  {self.SPLICE[self.splice]}
listen all
  bind {self.listen[0]} backlog 4096
  server s {self.upstreams[0]}
"""


class NginxRelay(NginxStream):
    """Buffers of 64 KiB: for bulk they halve what 16 KiB cost, and only touched pages are resident."""

    def __init__(self, lab, listen, upstream):
        super().__init__(lab, "B", listen, upstream, workers=1, max_connections=PAIRS_MAX)

    def configuration(self):
        return f"""
load_module modules/ngx_stream_module.so;
daemon off;
pid {self.lab.fresh_path('.pid')};
error_log stderr emerg;
worker_processes 1;
worker_rlimit_nofile {descriptors_max()};
events {{
  use epoll;
  multi_accept on;
  worker_connections {2 * self.max_connections + 64};
}}
stream {{
  access_log off;
  tcp_nodelay on;
  server {{
    listen {self.listen[0]} backlog=4096;
    proxy_pass {self.upstreams[0]};
    proxy_buffer_size 64k;
    proxy_timeout 1h;
    proxy_connect_timeout 5s;
    proxy_half_close on;
  }}
}}
"""


class ProgramRelay(Proxy):
    """`PROGRAM LISTEN UPSTREAM`: the relays of the folder `peers`."""

    def __init__(self, lab, listen, upstream, argv, env=None):
        super().__init__(lab, "B", listen, upstream)
        self._argv, self._env = argv, env

    def start(self):
        self.process = self.lab.start("B", [*self._argv, self.listen[0], self.upstreams[0]], env=self._env)
        self._wait_for_listeners()
        return self
