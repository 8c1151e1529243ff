"""No local port left towards one upstream: told at once, and no matter of any other upstream."""

import asyncio
import time

import pytest

from crowd import connect, percentiles, throng
from lab import Lab, endpoint
from ordinary import AS_ORDINARY_USER, give_directory
from peers import exchange
from processes import wait_until
from sizes import sized
from stage import Stage

PORTS = 100
CLIENTS = sized(200, 300)
PROMPTLY = 1.0
SOURCES = [(), ("--source", "10.77.2.2")]


@pytest.fixture(scope="module")
def narrow_network():
    """B has few ports of its own; its neighbours have as many as ever."""
    with Lab() as lab:
        lab.sysctl("B", "net.ipv4.ip_local_port_range", f"40000 {40000 + PORTS - 1}")
        give_directory(lab)
        yield lab


@pytest.fixture
def narrow_stage(narrow_network, engine, staging):
    yield from staging(Stage(narrow_network, engine, AS_ORDINARY_USER))


@pytest.mark.matrix("B16")
@pytest.mark.parametrize("source", SOURCES, ids=["any source", "bound source"])
def test_more_clients_than_ports_fail_fast_and_hurt_no_other_upstream(narrow_stage, tally, source):
    stage = narrow_stage
    first, second = stage.listen(), stage.listen()
    host = stage.lab.address("B")
    crowded = stage.serve(first.address, *source, listen=endpoint(host, stage.lab.free_port("A")))
    beside = stage.serve(second.address, *source, listen=endpoint(host, stage.lab.free_port("A")))
    served, waits = asyncio_fates(stage, crowded.addresses[0], CLIENTS)
    assert PORTS * 0.9 <= len(served) <= PORTS, f"{len(served)} clients share {PORTS} ports"
    assert max(waits) < PROMPTLY
    refused = CLIENTS - len(served)
    counters = crowded.counters()
    assert counters["connect_no_port"] == refused
    wait_until(lambda: "port" in crowded.output().rpartition("listening on")[2], 3, "a line about ports")

    for _ in range(PORTS // 2):
        client = stage.connect(beside.addresses[0])
        exchange(client, stage.keep(second.accept()))
    # All leave; a port whose connection waits out its time may be used again after a second.
    for sock in [*served, *(first.accept() for _ in range(len(served)))]:
        sock.close()
    crowded.counters_once(10, active=0)
    time.sleep(1.1)
    for _ in range(PORTS // 2):
        client = stage.connect(crowded.addresses[0])
        client.sendall(b"again")
    wait_until(lambda: crowded.counters()["active"] == PORTS // 2, 3, "new sessions", 0.2)
    tally.count(CLIENTS)
    tally.note(f"{refused} of {CLIENTS} without a port, told after {percentiles(waits)}")


def asyncio_fates(stage, address, count):
    """All at once: the sockets of those that are served, and how long the others waited for their end."""
    served, waits = [], []

    async def one(_):
        sock, started = await connect(address), time.monotonic()
        try:
            # The upstream says nothing, so silence is service.
            await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 1), 1.5)
        except asyncio.TimeoutError:
            served.append(sock)
        except ConnectionError:
            waits.append(time.monotonic() - started)
        else:
            waits.append(time.monotonic() - started)
            sock.close()

    with stage.lab.inside("A"):
        asyncio.run(throng(count, count, one))
    for sock in served:
        stage.keep(sock)
    return served, waits
