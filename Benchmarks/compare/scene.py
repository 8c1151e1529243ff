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

    @property
    def warm_up(self):
        """Seconds until all connections stand and move as they will."""
        return 1 + self.pairs // 1000

    def look(self):
        """What the relay holds now; nothing where there is none."""
        return holdings(self.relay.process) if self.relay else {}

    def look_at(self, seconds):
        """Looks at the relay in so many seconds, while a load runs that was started just now."""
        time.sleep(seconds)
        self.expect_relay()
        self.held = self.look()

    def metered(self, started, warm_up):
        """A meter that ran while a load was measured which began its warm-up at `started`. The relay is looked at
        shortly before, so that the look is no part of the cost."""
        self.look_at(max(0.0, started + warm_up - self._LOOK_AHEAD - time.monotonic()))
        time.sleep(max(0.0, started + warm_up - time.monotonic()))
        meter = self.meter().start()
        time.sleep(max(0.0, started + warm_up + self.seconds - time.monotonic()))
        return meter.stop()

    _LOOK_AHEAD = 0.3

    def await_end(self, process, seconds, patience=60):
        """Lets a load run to its end, which should come in so many seconds."""
        deadline = time.monotonic() + seconds + patience
        while process.alive():
            if time.monotonic() > deadline:
                said = process.output()[-2000:]
                raise Failure(f"{process.argv[0]} has not ended {patience} s after its time:\n{said}")
            self.expect_relay()
            time.sleep(0.02)
        self.expect_relay()

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
