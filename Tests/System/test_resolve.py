"""Pools whose servers are given by names: what name servers say, when they are asked, and what goes on while they are gone."""

import random
import signal
import struct
import time

import pytest

from lab import endpoint
from nameserver import NameServer, a, aaaa, cname, srv
from peers import exchange
from processes import wait_until
from proxies import binary
from test_configuration import serve, server_of, written
from test_health import Backend, talk, told
from test_upstreams import expect_refusal

QUICK = "options timeout:1 attempts:1"


@pytest.fixture
def names(stage):
    server = NameServer(stage.lab, "C")
    stage.keep(server)
    return server


def by_name(stage, resolve, more="", options=QUICK):
    """A proxy with one pool, whose resolv.conf names the test's own name server."""
    settings = stage.lab.fresh_path(".conf")
    settings.write_text(f"nameserver {stage.lab.address('C')}\n{options}\n")
    wrapper = ("unshare", "-m", "sh", "-c", f'mount --bind {settings} /etc/resolv.conf && exec "$@"', "sh")
    proxy = serve(stage, f"""
workers: 1
listeners: [{{ name: l, bind: ["{endpoint(stage.lab.address('B'), 0)}"] }}]
pools:
  - name: p
    resolve: {{ {resolve} }}
{more}
""", wrapper=wrapper)
    # A look-up may be under way at any time, and the last one's thread beside it.
    proxy.baseline["socket"] += 4
    proxy.baseline["other"] += 2
    return proxy


def listeners(stage, count):
    """Servers that have one port and different addresses."""
    port = stage.lab.free_port("C")
    return port, [stage.listen(f"127.0.0.{n + 2}:{port}") for n in range(count)]


def host(listener):
    return listener.address.rpartition(":")[0]


def port_of(listener):
    return int(listener.address.rpartition(":")[2])


# What names give

def test_a_name_gives_a_pool_its_servers(stage, names):
    port, servers = listeners(stage, 2)
    names.records["shop.svc"] = [a(host(server)) for server in servers]
    proxy = by_name(stage, f"name: shop.svc, type: a, port: {port}")
    told(proxy, f"name shop.svc (a) is 127.0.0.2:{port}, 127.0.0.3:{port}")
    assert sorted(server_of(stage, proxy, servers) for _ in range(4)) == [0, 0, 1, 1]
    assert names.asked == [("shop.svc", 1, "udp")]


def test_both_families_are_one_pool_and_aliases_are_followed(stage, names):
    port = stage.lab.free_port("C")
    servers = [stage.listen(f"127.0.0.2:{port}"), stage.listen(f"[::1]:{port}")]
    names.records = {"shop.svc": [cname("web.svc")], "web.svc": [a("127.0.0.2"), aaaa("::1")]}
    proxy = by_name(stage, f"name: shop.svc, type: addresses, port: {port}")
    assert sorted(server_of(stage, proxy, servers) for _ in range(4)) == [0, 0, 1, 1]


def test_names_stand_beside_written_servers(stage, names):
    port, servers = listeners(stage, 2)
    names.records["shop.svc"] = [aaaa("::1"), a(host(servers[1])), a(host(servers[0]))]
    proxy = by_name(stage, f"name: shop.svc, type: a, port: {port}", f'    servers: ["{servers[0].address}"]')
    assert sorted(server_of(stage, proxy, servers) for _ in range(4)) == [0, 0, 1, 1]


@pytest.mark.parametrize("comes_along", [True, False])
def test_services_tell_ports_weights_and_backups(stage, names, comes_along):
    first, second, backup = stage.listen("127.0.0.2:0"), stage.listen("127.0.0.3:0"), stage.listen("127.0.0.4:0")
    names.records = {
        "_https._tcp.shop.svc": [srv("three.svc", port_of(backup), priority=20),
                                 srv("two.svc", port_of(second), weight=30000, priority=10),
                                 srv("one.svc", port_of(first), weight=10000, priority=10)],
        "one.svc": [a(host(first))], "two.svc": [a(host(second))], "three.svc": [a(host(backup))]}
    if comes_along:
        names.additional["_https._tcp.shop.svc"] = [
            (name, names.records[name][0]) for name in ("one.svc", "two.svc", "three.svc")]
    proxy = by_name(stage, "name: _https._tcp.shop.svc, type: srv")
    assert [server_of(stage, proxy, [first, second, backup]) for _ in range(8)].count(1) == 6
    assert names.count() == (1 if comes_along else 7)
    first.close()
    second.close()
    assert server_of(stage, proxy, [backup]) == 0


def test_the_search_list_is_the_systems_and_a_dot_at_the_end_does_without(stage, names):
    port, (server,) = listeners(stage, 1)
    names.records["shop.svc.cluster"] = [a(host(server))]
    proxy = by_name(stage, f"name: shop.svc, type: a, port: {port}",
                    options=f"search other svc.cluster cluster\n{QUICK} ndots:5")
    assert server_of(stage, proxy, [server]) == 0
    assert [name for name, _, _ in names.asked][:3] == [
        "shop.svc.other", "shop.svc.svc.cluster", "shop.svc.cluster"]
    names.asked.clear()
    proxy = by_name(stage, f"name: shop.svc., type: a, port: {port}",
                    options=f"search cluster\n{QUICK} ndots:5")
    told(proxy, "name shop.svc. (a) cannot be looked up: there is no such name; it has given no servers yet")
    assert {name for name, _, _ in names.asked} == {"shop.svc"}


def test_an_answer_that_is_cut_is_asked_for_by_tcp(stage, names):
    port, servers = listeners(stage, 2)
    names.records["shop.svc"] = [a(f"127.1.0.{n}") for n in range(200)] + [a(host(server)) for server in servers]
    names.manner = "cut"
    proxy = by_name(stage, f"name: shop.svc, type: a, port: {port}", "    balance: first")
    assert server_of(stage, proxy, servers) == 0
    assert [way for _, _, way in names.asked] == ["udp", "tcp"]
    told(proxy, " and 194 more")


def test_check_asks_nobody(stage, names):
    file = written(stage, f"""
listeners: [{{ name: l, bind: ["127.0.0.1:0"] }}]
pools: [{{ name: p, resolve: {{ name: shop.svc, type: a, port: 80 }} }}]
""")
    settings = stage.lab.fresh_path(".conf")
    settings.write_text(f"nameserver {stage.lab.address('C')}\n{QUICK}\n")
    done = stage.lab.run("B", ["unshare", "-m", "sh", "-c", f'mount --bind {settings} /etc/resolv.conf && exec "$@"',
                               "sh", binary(), "check", "--config", file])
    assert "1 pool with 0 servers and 1 name of servers" in done.stdout and names.asked == []


# When they are asked

def test_an_answer_is_kept_as_long_as_it_may_be(stage, names):
    port, (server,) = listeners(stage, 1)
    names.records = {"shop.svc": [cname("web.svc", ttl=2)], "web.svc": [a(host(server), ttl=600)]}
    by_name(stage, f"name: shop.svc, type: a, port: {port}")
    started = time.monotonic()
    wait_until(lambda: names.count() >= 4, 30)
    # At 0, 2, 4, 6 s.
    assert time.monotonic() - started > 4


def test_an_answer_of_no_time_is_kept_for_a_second(stage, names):
    port, (server,) = listeners(stage, 1)
    names.records["shop.svc"] = [a(host(server), ttl=0)]
    by_name(stage, f"name: shop.svc, type: a, port: {port}")
    started, before = time.monotonic(), names.count()
    time.sleep(3)
    assert 1 <= names.count() - before <= 1 + time.monotonic() - started


def test_a_time_of_ones_own_goes_before_the_answers(stage, names):
    port, (server,) = listeners(stage, 1)
    names.records["shop.svc"] = [a(host(server), ttl=600)]
    by_name(stage, f"name: shop.svc, type: a, port: {port}, refresh: 1s")
    wait_until(lambda: names.count() >= 3, 30)
    names.records["slow.svc"] = [a(host(server), ttl=1)]
    by_name(stage, f"name: slow.svc, type: a, port: {port}, refresh: 1h")
    time.sleep(2.5)
    assert names.count("slow.svc") == 1


# What changes

def test_servers_come_and_go_and_sessions_go_on(stage, names):
    port, servers = listeners(stage, 3)
    names.records["shop.svc"] = [a(host(server), ttl=1) for server in servers[:2]]
    proxy = by_name(stage, f"name: shop.svc, type: a, port: {port}")
    pairs = []
    for index in (0, 1):
        client = stage.connect(proxy.addresses[0])
        pairs.append((client, stage.keep(servers[index].accept())))
        exchange(*pairs[-1])
    names.records["shop.svc"] = [a(host(server), ttl=1) for server in servers[1:]]
    told(proxy, f"name shop.svc (a) is 127.0.0.3:{port}, 127.0.0.4:{port}")
    told(proxy, f"server 127.0.0.4:{port} is added")
    assert sorted(server_of(stage, proxy, servers) for _ in range(4)) == [1, 1, 2, 2]
    for pair in pairs:
        exchange(*pair)
    proxy.counters_once(active=6, connect_failed=0)


def test_what_is_known_of_a_server_that_stays_is_kept(stage, names):
    port = stage.lab.free_port("C")
    first, second = Backend(stage, f"127.0.0.2:{port}"), Backend(stage, f"127.0.0.3:{port}")
    names.records["shop.svc"] = [a(host(first), ttl=1), a("127.0.0.9", ttl=1)]
    proxy = by_name(stage, f"name: shop.svc, type: a, port: {port}",
                    "    health: { interval: 200ms, rise: 2, fall: 2 }")
    told(proxy, f"server 127.0.0.9:{port} is down")
    stays = talk(stage, proxy)
    names.records["shop.svc"] = [a("127.0.0.9", ttl=1), a(host(second), ttl=1)]
    told(proxy, f"server 127.0.0.2:{port} is removed, 1 connection goes on")
    for _ in range(4):
        talk(stage, proxy)
    assert (len(first.sessions), len(second.sessions)) == (1, 4)
    stays.sendall(b"client\n")
    assert stays.recv(100) == b"client\n"
    proxy.counters_once(servers_went_down=1, servers_down=1, connect_refused=0, active=5)


def test_the_same_answer_in_another_order_changes_nothing(stage, names):
    port, servers = listeners(stage, 3)
    addresses = [a(host(server), ttl=0) for server in servers]
    names.records["shop.svc"] = addresses

    def turned(_, good):
        random.shuffle(addresses)
        return good

    names.manner = turned
    proxy = by_name(stage, f"name: shop.svc, type: a, port: {port}")
    wait_until(lambda: names.count() >= 4, 30)
    assert proxy.output().count("name shop.svc (a) is") == 1


# When they are gone

@pytest.mark.matrix("B7")
def test_a_name_server_that_is_gone_leaves_the_last_good_answer(stage, names):
    port, servers = listeners(stage, 2)
    names.records["shop.svc"] = [a(host(server), ttl=1) for server in servers]
    proxy = by_name(stage, f"name: shop.svc, type: a, port: {port}")
    client = stage.connect(proxy.addresses[0])
    server = stage.keep(servers[0].accept())
    exchange(client, server)
    names.close()
    told(proxy, "name shop.svc (a) cannot be looked up: no name server answers; its 2 servers of ")
    assert "s ago stay" in proxy.output()
    time.sleep(3)
    assert sorted(server_of(stage, proxy, servers) for _ in range(4)) == [0, 0, 1, 1]
    exchange(client, server)
    back = NameServer(stage.lab, "C", {"shop.svc": [a(host(servers[1]), ttl=1)]})
    stage.keep(back)
    told(proxy, "name shop.svc (a) is answered again after ", within=40)
    told(proxy, f"name shop.svc (a) is 127.0.0.3:{port}")
    assert proxy.output().count("cannot be looked up") == 1
    told(proxy, f"server 127.0.0.2:{port} is removed")
    assert [server_of(stage, proxy, servers) for _ in range(3)] == [1, 1, 1]
    exchange(client, server)
    counters = proxy.counters()
    assert counters["name_lookups_failed"] >= 2 and counters["name_lookups"] > counters["name_lookups_failed"]


MANNERS = {
    "servfail": ("servfail", "no name server answers"),
    "nothing": (lambda question, good: b"", "no name server answers"),
    "no-name": (lambda question, good: good[:3] + b"\x83" + good[4:6] + bytes(6) + good[12:], "there is no such name"),
    "no-records": (lambda question, good: good[:6] + bytes(6) + good[12:], "it has no records of that kind"),
    "cut-short": (lambda question, good: good[:-3], "the answer makes no sense"),
    "loop": (lambda question, good: good[:12] + question[12:] + struct.pack(
        "!HHHIH", 0xC000 + len(question), 1, 1, 60, 4) + bytes(4), "the answer makes no sense"),
}


@pytest.mark.parametrize("manner", MANNERS)
def test_answers_that_are_none_leave_the_last_good_one(stage, names, manner):
    port, (server,) = listeners(stage, 1)
    names.records["shop.svc"] = [a(host(server), ttl=1)]
    proxy = by_name(stage, f"name: shop.svc, type: a, port: {port}")
    names.manner, words = MANNERS[manner]
    told(proxy, f"name shop.svc (a) cannot be looked up: {words}; its server of ")
    assert server_of(stage, proxy, [server]) == 0
    names.manner = "answer"
    told(proxy, "name shop.svc (a) is answered again", within=40)


def test_answers_of_noise_harm_nobody(stage, names):
    port, servers = listeners(stage, 2)
    names.records["shop.svc"] = [a(host(servers[0]), ttl=0)]
    draw = random.Random(7)

    def noise(question, good):
        damaged = bytearray(good)
        for _ in range(draw.randint(1, 8)):
            damaged[draw.randrange(len(question), len(damaged))] = draw.randrange(256)
        return bytes(damaged)

    proxy = by_name(stage, f"name: shop.svc, type: a, port: {port}, refresh: 1s")
    names.manner = noise
    before = names.count()
    wait_until(lambda: names.count() >= before + 4, 60)
    names.records["shop.svc"] = [a(host(servers[1]))]
    names.manner = "answer"
    told(proxy, f"name shop.svc (a) is 127.0.0.3:{port}\n", within=60)
    told(proxy, f"server 127.0.0.3:{port} is added")
    assert [server_of(stage, proxy, servers) for _ in range(2)] == [1, 1]


def test_a_start_does_not_wait_for_silent_name_servers(stage, names):
    port, (server,) = listeners(stage, 1)
    names.records["shop.svc"] = [a(host(server), ttl=1)]
    names.manner = "silent"
    started = time.monotonic()
    proxy = by_name(stage, f"name: shop.svc, type: a, port: {port}", options="options timeout:8 attempts:1")
    assert 4 < time.monotonic() - started < 8
    told(proxy, "name shop.svc (a) has not been answered yet")
    expect_refusal(stage, proxy)
    proxy.counters_once(no_server=1)
    names.manner = "answer"
    told(proxy, f"name shop.svc (a) is 127.0.0.2:{port}", within=40)
    told(proxy, f"server 127.0.0.2:{port} is added")
    assert server_of(stage, proxy, [server]) == 0


# By a reload

def test_a_reload_looks_up_what_is_new_and_keeps_what_is_known(stage, names):
    port, servers = listeners(stage, 2)
    names.records = {"old.svc": [a(host(servers[0]))], "new.svc": [a(host(servers[1]))]}
    proxy = by_name(stage, f"name: old.svc, type: a, port: {port}")
    client = stage.connect(proxy.addresses[0])
    server = stage.keep(servers[0].accept())
    exchange(client, server)
    # One more name at a time is one more thread, which stays.
    proxy.threads_baseline += 1
    proxy.signal(signal.SIGHUP)
    told(proxy, "INFO reloaded")
    assert names.count() == 1 and server_of(stage, proxy, servers) == 0
    text = proxy.config.read_text()
    proxy.config.write_text(text.replace("old.svc", "new.svc"))
    proxy.signal(signal.SIGHUP)
    told(proxy, f"server 127.0.0.3:{port} is added")
    told(proxy, f"server 127.0.0.2:{port} is removed")
    assert server_of(stage, proxy, servers) == 1
    exchange(client, server)
    proxy.config.write_text(text.replace("type: a", "type: mx"))
    proxy.signal(signal.SIGHUP)
    told(proxy, "not reloaded")
    assert names.count("new.svc") == 1 and server_of(stage, proxy, servers) == 1
