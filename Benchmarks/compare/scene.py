"""One run's stage: hosts, the server in C, the relay in B, and the meter beside it."""

import time

from processes import wait_until

from compare.errors import Failure
from compare.hosts import PEER_PORT, RELAY_PORT
from compare.meters import Meter, holdings


class Scene:
    def __init__(self, hosts, candidate, settings, generator, seconds, pairs):
        self.hosts, self.candidate, self.settings = hosts, candidate, settings
        self.generator, self.seconds, self.pairs = generator, seconds, pairs
        self.relay = None
        self.warnings = []
        self.held = {}
        """What the relay held in the middle of the load."""

    # Setting up

    def serve_bench(self):
        """`longsplice bench peer` in C."""
        place = self.hosts.place("C", PEER_PORT)
        peer = self.hosts.start("C", [self.generator, "bench", "peer", "--listen", place])
        peer.wait_for_output("listening on")

    def serve_iperf(self, port):
        server = self.hosts.start("C", ["iperf3", "-s", "-p", port])
        self.hosts.wait_port("C", port, watched=server)

    def stand(self, port):
        """Starts the relay towards a port of C; answers host and port for clients."""
        if self.candidate.make is None:
            return self.hosts.address("C"), port
        listen, upstream = self.hosts.place("B", RELAY_PORT), self.hosts.place("C", port)
        self.relay = self.candidate.make(self.settings, self.hosts, listen, upstream, self.pairs)
        self.relay.start()
        return self.hosts.address("B"), RELAY_PORT

    # Measuring

    def meter(self):
        return Meter(self.relay.process if self.relay else None)

    def look(self):
        """What the relay holds now; nothing where there is none."""
        return holdings(self.relay.process) if self.relay else {}

    def await_end(self, process, seconds, patience=60):
        """Lets a load run to its end, and looks at the relay in its middle. `seconds` is how long it should take."""
        deadline = time.monotonic() + seconds + patience
        middle = time.monotonic() + seconds / 2
        while process.alive():
            if middle and time.monotonic() >= middle:
                self.held, middle = self.look(), None
            if time.monotonic() > deadline:
                raise Failure(f"{process.argv[0]} has not ended {patience} s after its time:\n{process.output()}")
            self.expect_relay()
            time.sleep(0.02)
        self.expect_relay()
        return process.popen.returncode

    def await_quiet(self, patience):
        """Waits until the relay uses no processor time for a while."""
        def is_quiet():
            before = self.relay.cpu_seconds()
            time.sleep(0.3)
            return self.relay.cpu_seconds() == before
        wait_until(is_quiet, patience, "the relay to become quiet")

    def expect_relay(self):
        if self.relay and not self.relay.alive():
            raise Failure(f"the relay died with status {self.relay.process.popen.returncode}:\n{self.relay.output()}")
