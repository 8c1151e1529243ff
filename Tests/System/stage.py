"""What one test needs: a lab, proxies under test, peers; and the checks that follow every test."""

import contextlib
import re
import time
from dataclasses import dataclass

import invariants
import peers
from lab import Longsplice, endpoint
from processes import wait_until

PIPES_PER_WORKER = 64
"""A worker may keep at most this many pipes for reuse (a pipe is two descriptors)."""


@dataclass
class Bridge:
    """A proxy whose upstream is a listener of the test."""
    stage: "Stage"
    proxy: Longsplice
    listener: peers.Listener

    def pair(self):
        """A client and, through the proxy, the upstream's end of its connection."""
        client = self.stage.connect(self.proxy.addresses[0])
        server = self.stage.keep(self.listener.accept())
        return client, server


class Stage:
    def __init__(self, lab, engine, wrapper=()):
        self.lab, self.engine, self.wrapper = lab, engine, tuple(wrapper)
        self._kept, self._proxies, self._programs = [], [], []

    # Setting up

    def serve(self, upstreams, *flags, listen=None, **options):
        """Start Longsplice in B, by default on a TCP port of the kernel's choice."""
        listen = listen or endpoint(self.lab.address("B"), 0)
        options["wrapper"] = (*self.wrapper, *options.get("wrapper", ()))
        proxy = Longsplice(self.lab, "B", listen, upstreams, self.engine, flags, **options)
        self._proxies.append(proxy)
        proxy.start()
        proxy.baseline = self._steady_descriptors(proxy)
        proxy.threads_baseline = proxy.threads()
        return proxy

    def bridge(self, *flags, listen=None, upstream=None, **options):
        """Start Longsplice in front of a listener in C."""
        listener = self.listen(upstream)
        return Bridge(self, self.serve(listener.address, *flags, listen=listen, **options), listener)

    def listen(self, address=None, **options):
        with self.lab.inside("C"):
            return self.keep(peers.Listener(address or endpoint(self.lab.address("C"), 0), **options))

    def connect(self, address, patience=peers.PATIENCE):
        with self.lab.inside("A"):
            return self.keep(peers.connect(address, patience))

    def start(self, where, argv, **options):
        """A helper program that ends with the test."""
        program = self.lab.start(where, argv, **options)
        self._programs.append(program)
        return program

    def keep(self, closeable):
        """Close something when the test is over."""
        self._kept.append(closeable)
        return closeable

    # Looking back

    def close(self, failed=False):
        """End the peers, then see that every proxy is well; after a failure only clean up."""
        for closeable in self._kept:
            with contextlib.suppress(OSError):
                closeable.close()
        for program in self._programs:
            program.stop()
        try:
            if not failed:
                for proxy in self._proxies:
                    self._inspect(proxy)
        finally:
            for proxy in self._proxies:
                if proxy.process:
                    proxy.process.kill()
                    if failed:
                        print(self._story(proxy))

    def _inspect(self, proxy):
        if proxy.awaited:
            return
        assert proxy.alive(), f"the proxy died with {proxy.process.wait()}:\n{proxy.output()}"
        self.expect_quiet(proxy)
        invariants.expect_idle(proxy.pid)
        if not proxy.is_mute:
            invariants.reconcile(proxy.counters(), proxy.expected_surprises)
        assert proxy.stop() == 0, f"SIGTERM without sessions:\n{proxy.output()}"

    def expect_quiet(self, proxy, within=5.0):
        """No session, no half-dead socket; descriptors and threads as at the start but for the pipe
        pool and the threads that a ring may keep."""
        bound = dict(proxy.baseline)
        bound["pipe"] = max(bound["pipe"], 2 * PIPES_PER_WORKER * proxy.workers)
        threads_bound = proxy.threads_baseline + proxy.ring_threads

        def excess():
            now = proxy.descriptors()
            left = {kind: now[kind] for kind in now if now[kind] > bound[kind]}
            if (threads := proxy.threads()) > threads_bound:
                left["threads"] = threads
            if not left and (sockets := invariants.lingering_sockets(self.lab, proxy.pid)):
                left["sockets that wait to be closed"] = sockets
            return left

        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not excess(), within)
        left = excess()
        assert not left, (f"left behind: {left}; at the start {proxy.baseline} "
                          f"and {proxy.threads_baseline} threads")

    @staticmethod
    def _story(proxy):
        """The end of a proxy's log, without the counters that stayed at zero."""
        lines = [line for line in proxy.output().splitlines()
                 if not re.search(r"counter \S+=0$", line)]
        return "\n".join([f"--- {' '.join(proxy.argv())}", *lines[-40:]])

    @staticmethod
    def _steady_descriptors(proxy):
        """The ledger once the workers have opened what they need."""
        seen, before = proxy.descriptors(), None
        while seen != before:
            time.sleep(0.05)
            seen, before = proxy.descriptors(), seen
        return seen
