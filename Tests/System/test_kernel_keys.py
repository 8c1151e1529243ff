"""Keys of a configuration file that say how the kernel is used, seen by what it is asked (strace(1)); beside their defaults."""

import re

import pytest

from injection import strace
from lab import endpoint
from peers import exchange
from test_configuration import one_pool, written

CALLS = "io_uring_setup,io_uring_register,fcntl,splice,recvmsg"


@pytest.fixture
def asked(stage):
    """Serves by keys of the process, carries a message each way, and tells what the kernel was asked until then."""
    def run(keys):
        record, listener = stage.lab.fresh_path(".strace"), stage.listen()
        text = f"""
engine: {stage.engine}
workers: 1
{keys}
listeners: [{{ name: l, bind: ["{endpoint(stage.lab.address('B'), 0)}"] }}]
pools: [{{ name: p, servers: ["{listener.address}"] }}]
"""
        proxy = stage.serve([], listen=["-"], config=written(stage, text), wrapper=strace(calls=CALLS, record=record))
        client = stage.connect(proxy.addresses[0])
        server = stage.keep(listener.accept(10))
        exchange(client, server)
        exchange(server, client)
        return record.read_text()
    return run


def of(stage, engine):
    if stage.engine != engine:
        pytest.skip(f"can be seen from outside with {engine} only")


@pytest.mark.parametrize("keys, depth, completions, flag, threads", [
    ("", 256, 4096, "IORING_SETUP_DEFER_TASKRUN", 1),
    ("uring: { ring_depth: 64, cq_depth: 512, taskrun: coop, iowq_workers: 3 }",
     64, 512, "IORING_SETUP_COOP_TASKRUN", 3),
])
def test_each_ring_is_as_it_is_asked_for(stage, asked, keys, depth, completions, flag, threads):
    of(stage, "uring")
    said = asked(keys)
    rings = re.findall(r"io_uring_setup\((\d+), \{flags=(\S+), .*?cq_entries=(\d+)", said)
    # Rings that only try what the kernel can do may be others.
    assert rings and (rings[-1][0], rings[-1][2]) == (str(depth), str(completions))
    # strace 6.1 tells IORING_SETUP_DEFER_TASKRUN by its number, together with IORING_SETUP_SINGLE_ISSUER.
    assert flag in rings[-1][1] or flag.endswith("DEFER_TASKRUN") and "0x3000" in rings[-1][1], rings[-1]
    bounds = re.findall(r"IORING_REGISTER_IOWQ_MAX_WORKERS, \[\D*BOUND\]=(\d+), \D*UNBOUND\]=(\d+)\]", said)
    assert bounds and set(bounds) == {(str(threads), str(threads))}


@pytest.mark.parametrize("keys, size", [("", 1 << 20), ("pipes: { size: 128KiB, chunk: 64KiB }", 128 << 10)])
def test_pipes_are_as_large_as_they_are_asked_for(asked, keys, size):
    said = asked("relay: splice\n" + keys)
    assert set(re.findall(r"F_SETPIPE_SZ, (\d+)\)", said)) == {str(size)}


@pytest.mark.parametrize("keys, chunk", [("", 1 << 20), ("pipes: { size: 128KiB, chunk: 64KiB }", 64 << 10)])
def test_as_much_is_moved_at_once_as_is_asked_for(stage, asked, keys, chunk):
    of(stage, "epoll")
    said = asked("relay: splice\n" + keys)
    assert str(chunk) in re.findall(r"splice\(\d+, NULL, \d+, NULL, (\d+),", said)
    assert not any(int(length) > chunk for length in re.findall(r"splice\(\d+, NULL, \d+, NULL, (\d+),", said))


@pytest.mark.parametrize("keys, size", [("", 16 << 10), ("buffers: { size: 8KiB, count: 64 }", 8 << 10)])
def test_buffers_are_as_large_as_they_are_asked_for(stage, asked, keys, size):
    of(stage, "epoll")
    said = asked("relay: copy\n" + keys)
    assert str(size) in re.findall(r"recvmsg\(.*iov_len=(\d+)\}\], msg_iovlen=1,", said)


@pytest.mark.parametrize("keys, count", [("", 4096), ("buffers: { size: 8KiB, count: 64 }", 64)])
def test_there_are_as_many_buffers_as_are_asked_for(stage, asked, keys, count):
    of(stage, "uring")
    assert set(re.findall(r"PBUF_RING, \{.*ring_entries=(\d+)", asked(keys))) == {str(count)}


@pytest.mark.parametrize("micros", [0, 1000])
def test_workers_spin_where_they_are_asked_to(stage, micros):
    listener = stage.listen()
    proxy = one_pool(stage, f'    servers: ["{listener.address}"]', process=f"spin_micros: {micros}")
    client = stage.connect(proxy.addresses[0])
    server = stage.keep(listener.accept(10))
    for _ in range(2_000):
        exchange(client, server)
    assert (proxy.counters()["spins"] > 0) == (micros > 0)
