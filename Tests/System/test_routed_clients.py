"""Programs people really put behind an edge, by a configuration file: routed, health-checked, told of their clients."""

import hashlib
import random
import re
import signal
import socket
from pathlib import Path

import pytest

import firewall
import programs
import records
from lab import endpoint
from processes import wait_until
from proxies import port_of
from sizes import MiB, sized
from test_configuration import serve

CHECKS = "interval: 200ms, rise: 2, fall: 2, timeout: 1s"
ON_THE_OTHER = 10
EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "database-failover.yaml"


def routed(stage, pools, listener="pool: p", process=""):
    """One listener; `pools` are lines of the file, each with its checks."""
    proxy = serve(stage, f"""
workers: 2
{process}
listeners:
  - name: edge
    bind: ["{endpoint(stage.lab.address("B"), 0)}"]
    {listener}
pools:
{pools}
""")
    # Checks are under way now and then, and need not have been at the start.
    proxy.baseline["socket"] += pools.count("address")
    return proxy


def pool(name, *addresses, more="", health=CHECKS):
    servers = ", ".join(f'{{ address: "{address}" }}' for address in addresses)
    return f"  - {{ name: {name}, servers: [{servers}], health: {{ {health} }}{more} }}"


def told(proxy, text, within=20):
    wait_until(lambda: text in proxy.output(), within, text, 0.02)


def host_and_port(proxy):
    host, _, port = proxy.addresses[0].rpartition(":")
    return host, port


# PostgreSQL

@pytest.fixture(scope="module")
def database(network):
    return programs.postgres_template(network)


def test_postgresql_goes_on_at_the_other_server_when_one_is_killed(wide_stage, database):
    stage, lab = wide_stage, wide_stage.lab
    addresses = [programs.free_address(stage) for _ in range(2)]
    folders = [programs.copied(stage, database) for _ in addresses]
    servers = [programs.postgres(stage, *both) for both in zip(addresses, folders)]
    proxy = routed(stage, pool("p", *addresses, more=", balance: least_connections"))
    host, port = host_and_port(proxy)
    options = ["-h", host, "-p", port, "-U", "postgres"]
    bench = [programs.postgres_tool("pgbench"), *options, "--no-vacuum", "--client", "8", "--jobs", "2"]

    def server_of_a_newcomer():
        return lab.run("A", [programs.postgres_tool("psql"), *options, "-XAtc", "select inet_server_port()"]).stdout.strip()

    whole = lab.run("A", [*bench, "--connect", "--transactions", sized(20, 500), "postgres"])
    assert f"actually processed: {8 * sized(20, 500)}/{8 * sized(20, 500)}" in whole.stdout, whole.stdout + whole.stderr
    assert {server_of_a_newcomer() for _ in range(4)} == {str(port_of(address)) for address in addresses}

    running = stage.start("A", [*bench, "--select-only", "--time", sized(4, 20), "postgres"])
    wait_until(lambda: proxy.counters()["active"] == 8, 10, "eight sessions")
    programs.kill_family(servers[0])
    # Whoever comes now is served at once, whether or not a check has noticed.
    assert {server_of_a_newcomer() for _ in range(ON_THE_OTHER)} == {str(port_of(addresses[1]))}
    told(proxy, f"server {addresses[0]} is down: its last check was refused")
    assert proxy.counters_once(servers_down=1)
    assert running.wait(60) == 2, running.output()
    aborted = set(re.findall(r"client (\d+)(?: script \d+)? aborted", running.output()))
    # The workers choose by themselves, so it need not be half of them.
    assert 0 < len(aborted) < 8, running.output()
    assert int(re.search(r"actually processed: (\d+)", running.output())[1]) > 100
    whole = lab.run("A", [*bench, "--connect", "--transactions", sized(20, 500), "postgres"])
    assert f"actually processed: {8 * sized(20, 500)}/" in whole.stdout and not whole.stderr.count("error")

    programs.postgres(stage, addresses[0], folders[0])
    told(proxy, f"server {addresses[0]} is up again")
    assert {server_of_a_newcomer() for _ in range(4)} == {str(port_of(address)) for address in addresses}


def test_the_example_for_databases_moves_everybody_to_the_standby(wide_stage, database, monkeypatch):
    """And back, when the primary has answered for a while."""
    stage, lab = wide_stage, wide_stage.lab
    primary, standby = (programs.free_address(stage) for _ in range(2))
    folder = programs.copied(stage, database)
    running = programs.postgres(stage, primary, folder)
    programs.postgres(stage, standby, programs.copied(stage, database))
    for name, address in (("LISTEN", endpoint(lab.address("B"), 0)), ("PRIMARY", primary), ("STANDBY", standby)):
        monkeypatch.setenv(f"DATABASE_{name}", address)
    # Whoever tries it need not wait for as long as it makes sense to.
    proxy = serve(stage, EXAMPLE.read_text().replace("rise: 10", "rise: 2"))
    proxy.baseline["socket"] += 2
    host, port = host_and_port(proxy)
    psql = [programs.postgres_tool("psql"), "-h", host, "-p", port, "-U", "postgres", "-XAt"]

    def server_of_a_newcomer():
        return lab.run("A", [*psql, "-c", "select inet_server_port()"]).stdout.strip()

    assert {server_of_a_newcomer() for _ in range(4)} == {str(port_of(primary))}
    waiting = stage.start("A", [*psql, "-c", "select pg_sleep(600)"])
    proxy.counters_once(10, accepted=5, active=1)
    # The machine is there no more: its sessions are not told, and nobody is answered.
    with firewall.rule(lab, "-p", "tcp", "--dport", str(port_of(primary)), "-j", "DROP", where="C"):
        told(proxy, f"server {primary} is down: its last check was not answered in time")
        assert waiting.wait(10) == 2, waiting.output()
        assert {server_of_a_newcomer() for _ in range(4)} == {str(port_of(standby))}
        proxy.counters_once(server_down=1)
    told(proxy, f"server {primary} is up again", 30)
    assert server_of_a_newcomer() == str(port_of(primary))
    # It does not know that its session is gone, and would wait for it.
    running.signal(signal.SIGINT)
    assert running.wait() == 0


# Redis

def test_redis_is_checked_by_its_own_word(wide_stage):
    """A server that wants a password still listens; only what it says tells that nobody is served."""
    stage, lab = wide_stage, wide_stage.lab
    addresses = [programs.free_address(stage) for _ in range(2)]
    servers = [programs.redis(stage, address) for address in addresses]
    proxy = routed(stage, pool("p", *addresses, health=f'{CHECKS}, send: "PING\\r\\n", expect: "+PONG"'))

    def ask(address, *words):
        host, _, port = address.rpartition(":")
        return lab.run("A", ["redis-cli", "-h", host, "-p", port, *words]).stdout.strip()

    def server_of_a_newcomer():
        return re.search(r"tcp_port:(\d+)", ask(proxy.addresses[0], "INFO", "server"))[1]

    both, second = {str(port_of(address)) for address in addresses}, {str(port_of(addresses[1]))}
    wait_until(lambda: proxy.counters()["health_checks"] >= 6, 10)
    assert proxy.counters()["health_checks_failed"] == 0
    assert {server_of_a_newcomer() for _ in range(4)} == both
    host, port = host_and_port(proxy)
    done = lab.run("A", ["redis-benchmark", "-h", host, "-p", port, "-n", sized(5_000, 200_000), "-c", "20", "-q",
                         "-t", "ping,set,get"], timeout=120)
    assert done.stdout.count("requests per second") == 4 and "rror" not in done.stdout + done.stderr, done.stdout + done.stderr

    assert ask(addresses[0], "CONFIG", "SET", "requirepass", "secret") == "OK"
    told(proxy, f"server {addresses[0]} is down: its last check got another answer than expected")
    assert {server_of_a_newcomer() for _ in range(ON_THE_OTHER)} == second
    assert ask(addresses[0], "-a", "secret", "--no-auth-warning", "CONFIG", "SET", "requirepass", "") == "OK"
    told(proxy, f"server {addresses[0]} is up again")

    servers[0].stop()
    told(proxy, f"server {addresses[0]} is down: its last check was refused")
    assert ask(proxy.addresses[0], "SET", "key", "value") == "OK"
    assert ask(proxy.addresses[0], "GET", "key") == "value"
    programs.redis(stage, addresses[0])
    wait_until(lambda: proxy.output().count(f"server {addresses[0]} is up again") == 2, 20, "a server that is back")
    assert {server_of_a_newcomer() for _ in range(4)} == both


# OpenSSH

def test_openssh_runs_commands_and_copies_files(wide_stage):
    stage, lab = wide_stage, wide_stage.lab
    address = programs.free_address(stage)
    ssh = programs.SSH(stage, address)
    proxy = routed(stage, pool("p", address, health=f'{CHECKS}, expect: "SSH-2.0-"'))
    edge = proxy.addresses[0]

    def run(program, *rest):
        return lab.run("A", ssh.argv(program, edge, *rest), timeout=120).stdout

    assert run("ssh", "root@" + host_and_port(proxy)[0], "echo $((6 * 7)); id -un") == "42\nroot\n"
    content = random.Random(22).randbytes(50 * MiB)
    here, there, back = (lab.fresh_path(".bin") for _ in range(3))
    here.write_bytes(content)
    remote = f"root@{host_and_port(proxy)[0]}"
    run("scp", "-q", here, f"{remote}:{there}")
    assert there.read_bytes() == content
    run("scp", "-q", f"{remote}:{there}", back)
    assert back.read_bytes() == content
    digest = hashlib.sha256(content).hexdigest()
    piped = ["bash", "-o", "pipefail", "-c", '"$@" | sha256sum', "-", *ssh.argv("ssh", edge, remote, f"cat {there}")]
    assert lab.run("A", piped, timeout=120).stdout.split()[0] == digest
    counters = proxy.counters_once(finished=4, active=0)
    assert counters["bytes_up"] > 50 * MiB and counters["bytes_down"] > 100 * MiB
    assert counters["health_checks_failed"] == 0


# nginx over TLS, by name

NAMES = ["shop.example", "mail.example", "www.example"]


def test_curl_reaches_the_nginx_of_its_name(wide_stage):
    """Each knows its own name's certificate only, and is told who comes."""
    stage, lab = wide_stage, wide_stage.lab
    certificates = {name: programs.certificate(lab, name) for name in [*NAMES, "default.example"]}
    addresses = {name: programs.free_address(stage) for name in certificates}
    programs.nginx(stage, "C", addresses.values(), "\n".join(f"""
server {{
  listen {addresses[name]} ssl proxy_protocol;
  ssl_certificate {path};
  ssl_certificate_key {key};
  location / {{ return 200 "{name} $proxy_protocol_addr:$proxy_protocol_port $ssl_server_name"; }}
}}""" for name, (key, path) in certificates.items()))
    routes = "\n      ".join([*(f"- {{ sni: [{name}], pool: {name.partition('.')[0]} }}" for name in NAMES),
                              "- { pool: default }"])
    told_of_clients = ", proxy_protocol: { send: v2, tlv: [authority, crc32c] }"
    pools = (pool(name.partition(".")[0], address, more=told_of_clients) for name, address in addresses.items())
    proxy = routed(stage, "\n".join(pools), f"routes:\n      {routes}")
    host, port = host_and_port(proxy)

    def fetch(name, trusted, *flags, check=True):
        own = lab.free_port("A")
        done = lab.run("A", ["curl", "-sS", "--max-time", "20", "--local-port", own, "--cacert", certificates[trusted][1],
                             "--resolve", f"{name}:{port}:{host}", *flags, f"https://{name}:{port}/"], check=check)
        return done, f"{lab.address('A')}:{own}"

    for name in NAMES:
        done, own = fetch(name, name)
        assert done.stdout == f"{name} {own} {name}"
    done, own = fetch("unknown.example", "default.example", "--insecure")
    assert done.stdout == f"default.example {own} unknown.example"
    # The certificate of the default route is for another name, and that of one name is none for another.
    assert fetch("unknown.example", "default.example", check=False)[0].returncode == 60
    assert fetch(NAMES[0], NAMES[1], check=False)[0].returncode == 60
    counters = proxy.counters_once(active=0, hellos_missed=0)
    assert counters["health_checks_failed"] == 0 and counters["proxy_headers_sent"] == 6


# HAProxy on both sides

@pytest.mark.matrix("C4")
def test_between_two_haproxies_the_client_is_known_at_the_far_end(stage):
    """The one in front speaks for its clients and is believed; whoever else says the same is not."""
    lab, log = stage.lab, stage.lab.fresh_path(".access")
    front, behind = programs.free_address(stage, "A"), programs.free_address(stage)
    programs.haproxy(stage, "C", behind, f"""
listen behind
    mode http
    bind {behind} accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] %[dst]:%[dst_port]"
""")
    proxy = routed(stage, pool("p", behind, more=", proxy_protocol: { send: v2 }"),
                   "proxy_protocol: { accept: [127.0.0.9] }\n    pool: p", f"access_log: {{ to: {log} }}")
    edge = proxy.addresses[0]
    programs.haproxy(stage, "A", front, f"""
listen front
    mode tcp
    bind {front}
    server edge {edge} source 127.0.0.9 send-proxy-v2
""")

    def ask(address, said=b"GET / HTTP/1.0\r\n\r\n"):
        """What the far end answers, and who the client is."""
        with lab.inside("A"), socket.create_connection(address.rsplit(":", 1), 20, ("127.0.0.5", 0)) as client:
            client.sendall(said)
            answer = b"".join(iter(lambda: client.recv(4096), b""))
            return answer.decode().rpartition("\r\n")[2], endpoint(*client.getsockname())

    words, through = ask(front)
    assert words == f"{through} {front}"
    words, direct = ask(edge)
    assert words == f"{direct} {edge}"
    found = {record["client"]: record["proxy"] for record in records.wait_for(log, 2)}
    assert found[direct] is None and found[through].startswith("127.0.0.9:")
    # To a stranger's header the far end answers as to anything that is no HTTP.
    lie = b"PROXY TCP4 203.0.113.7 192.0.2.1 50122 443\r\n"
    assert "400 Bad request" in ask(edge, lie)[0]
    proxy.counters_once(proxy_headers_taken=1, bad_prologue=0)
