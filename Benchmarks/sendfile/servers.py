"""The candidates: each serves one folder in B."""

import shutil
import subprocess

from compare import ROOT
from compare.errors import Refusal

PORT = 8080
BUILT = ROOT / ".build" / "bench-sendfile"
HERE = ROOT / "Benchmarks" / "sendfile"
NAMES = ["longsplice", "longsplice-epoll", "nginx", "c"]


def build():
    """The client and the yardstick."""
    BUILT.mkdir(parents=True, exist_ok=True)
    for name in ("client", "server"):
        done = subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", BUILT / name, HERE / f"{name}.c"],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Refusal(f"{name}.c cannot be built: {done.stderr.strip()}")


def expect(names, file_server):
    if "nginx" in names and not shutil.which("nginx"):
        raise Refusal("there is no nginx here; make bench-sendfile installs it")
    if any(name.startswith("longsplice") for name in names) and not file_server.is_file():
        raise Refusal(f"{file_server}: there is no program there; make bench-sendfile builds it")


def start(hosts, name, folder, file_server):
    if name == "nginx":
        argv = ["nginx", "-c", _nginx_configuration(hosts, folder)]
    elif name == "c":
        argv = [BUILT / "server", PORT, folder]
    else:
        argv = [file_server, PORT, folder, "epoll" if name == "longsplice-epoll" else "uring"]
    server = hosts.start("B", argv)
    hosts.wait_port("B", PORT, watched=server)
    return server


def _nginx_configuration(hosts, folder):
    """At its best for this: no logs, one worker, every file opened once, connections that are never given up."""
    path = hosts.fresh_path(".conf")
    path.write_text(f"""
daemon off;
pid {hosts.fresh_path('.pid')};
error_log stderr emerg;
user root;
worker_processes 1;
worker_rlimit_nofile 16384;
events {{
  use epoll;
  worker_connections 4096;
}}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  open_file_cache max=8192 inactive=1h;
  open_file_cache_valid 1h;
  server {{
    listen {PORT} backlog=1024;
    root {folder};
  }}
}}
""")
    return path
