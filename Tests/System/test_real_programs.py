"""Programs people really put behind a proxy, unaware of it, over IPv4 and IPv6."""

import json
import random

import pytest

from lab import endpoint
from programs import redis
from sizes import MiB, sized

SECONDS = sized(2, 10)
# Every day the rarer one: most other tests are of IPv4.
FAMILIES = pytest.mark.parametrize("family", sized([6], [4, 6]), ids=lambda family: f"IPv{family}")


def serve_port(stage, family, port, *flags, listen_port=0):
    """Longsplice in front of a port of C, for one family on both sides."""
    return stage.serve(endpoint(stage.lab.address("C", family), port), *flags,
                       listen=endpoint(stage.lab.address("B", family), listen_port))


# iperf3

@FAMILIES
@pytest.mark.parametrize("flags, streams", [
    (("-P", "1"), 1), (("-P", "8"), 8), (("-P", "64"), 64), (("-R",), 1), (("--bidir",), 2),
], ids=["1 stream", "8 streams", "64 streams", "reverse", "bidir"])
def test_iperf3_runs_to_its_end(wide_stage, family, flags, streams):
    """With --bidir, iperf3 tells a connection's direction by the order in which it arrives at the
    server; only a single worker keeps the clients' order."""
    workers = ("--workers", "1") if "--bidir" in flags else ()
    port = wide_stage.lab.free_port("C", family)
    wide_stage.start("C", ["iperf3", "--server", "--one-off", "--port", port])
    wide_stage.lab.wait_port("C", port)
    proxy = serve_port(wide_stage, family, port, *workers)
    client = wide_stage.lab.run(
        "A", ["iperf3", "--json", "--client", wide_stage.lab.address("B", family),
              "--port", proxy.port, "--time", SECONDS, *flags], timeout=SECONDS + 30, check=False)
    report = json.loads(client.stdout)
    assert "error" not in report, report["error"]
    received = [stream["receiver"]["bytes"] for stream in report["end"]["streams"]]
    assert len(received) == streams
    assert all(received), received


# nuttcp

@FAMILIES
@pytest.mark.parametrize("direction", ["transmit", "receive"])
def test_nuttcp_moves_its_bytes(wide_stage, family, direction):
    """nuttcp speaks on a control port and a data port, so it takes two proxies. Receiving, the
    client is told to open the data connection itself (-F), as one does from behind a firewall."""
    lab, version = wide_stage.lab, f"-{family}"
    control, data = lab.free_port("C", family), lab.free_port("C", family)
    wide_stage.start("C", ["nuttcp", version, "-S", "--nofork", "-P", control])
    lab.wait_port("C", control)
    for port in (control, data):
        serve_port(wide_stage, family, port, listen_port=port)
    amount = sized(64, 1024)
    mode = ["-r", "-F"] if direction == "receive" else ["-t"]
    client = lab.run("A", ["nuttcp", version, *mode, "-P", control, "-p", data, f"-n{amount}m",
                           "-fparse", lab.address("B", family)], timeout=60)
    assert f"megabytes={amount}.0000" in client.stdout


# redis

@FAMILIES
def test_redis_benchmark_gets_all_its_answers(wide_stage, family):
    lab, port = wide_stage.lab, wide_stage.lab.free_port("C", family)
    redis(wide_stage, endpoint(lab.address("C", family), port))
    proxy = serve_port(wide_stage, family, port)
    for load in (["-t", "ping,set,get"], ["-t", "set,get", "-d", "16384"], ["-t", "get", "-P", "16"]):
        done = lab.run("A", ["redis-benchmark", "-h", lab.address("B", family), "-p", proxy.port,
                             "-n", sized(5_000, 200_000), "-c", "50", "-q", *load], timeout=120)
        assert "requests per second" in done.stdout
        assert "rror" not in done.stdout + done.stderr, done.stdout + done.stderr


# nginx and curl

WEB = """
daemon off;
user root;
pid {folder}/web.pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
  access_log off;
  sendfile on;
  server {{ listen {address}; root {folder}; }}
}}
"""


@FAMILIES
def test_twenty_parallel_downloads_equal_the_file(wide_stage, family):
    lab = wide_stage.lab
    folder = lab.fresh_path("-web")
    folder.mkdir()
    file = folder / "file"
    file.write_bytes(random.Random(family).randbytes(50 * MiB))
    port = lab.free_port("C", family)
    configuration = folder / "nginx.conf"
    configuration.write_text(WEB.format(folder=folder,
                                        address=endpoint(lab.address("C", family), port)))
    wide_stage.start("C", ["nginx", "-c", configuration, "-e", "stderr"])
    lab.wait_port("C", port)
    proxy = serve_port(wide_stage, family, port)

    url = f"http://{endpoint(lab.address('B', family), proxy.port)}/file"
    fetch = ["bash", "-o", "pipefail", "-c", 'curl -sSg -m 100 "$1" | cmp - "$2"', "-", url, file]
    downloads = [wide_stage.start("A", fetch) for _ in range(20)]
    for download in downloads:
        assert download.wait(120) == 0, download.output()
