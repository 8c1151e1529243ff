"""`python3 -m sendfile`"""

import os
import signal
import sys
from pathlib import Path

from compare import ROOT, arguments, campaign
from compare.errors import Refusal

from sendfile import SIZES, Case, measure, servers
from sendfile.files import Files
from turns import Turns, folder_for

CLIENTS_MAX = 512
TEMPERATURES = ["hot", "cold"]


def parse(argv):
    parser = arguments.Parser(prog="sendfile", allow_abbrev=False,
                              description="Measures servers of static files in turns, in network namespaces.")
    whole = arguments.whole
    parser.add_argument("--candidates", default="all", metavar="NAMES", help=f"of {', '.join(servers.NAMES)} (default: all)")
    parser.add_argument("--sizes", default="all", metavar="SIZES", help=f"of {', '.join(SIZES)} (default: all)")
    parser.add_argument("--clients", default="1,64", metavar="NUMBERS", help="at a time, separated by commas (default: 1,64)")
    parser.add_argument("--temperatures", default="all", metavar="NAMES",
                        help="hot: in the page cache; cold: dropped from it before each run (default: all)")
    parser.add_argument("--rounds", type=whole("--rounds", 1, 1000), default=3, metavar="N",
                        help="how often each candidate has its turn (default: 3)")
    parser.add_argument("--seconds", type=whole("--seconds", 1, 3600), default=2, metavar="N",
                        help="of each hot run (default: 2)")
    parser.add_argument("--cold-seconds", type=whole("--cold-seconds", 1, 3600), default=4, metavar="N",
                        help="of a cold run, at most: it is over when each file has been sent (default: 4)")
    arguments.add_host_flags(parser, "server")
    parser.add_argument("--file-server", type=Path, default=ROOT / ".build" / "release" / "file-server", metavar="PATH",
                        help="the program under test (default: the release build)")
    parser.add_argument("--files", type=Path, default=ROOT / ".build" / "bench-files", metavar="DIR",
                        help="where the files are made and kept, 2.4 GB of them; its disk is what cold runs measure")
    parser.add_argument("--out", type=Path, default=folder_for("sendfile"), metavar="DIR",
                        help="where results.json and results.md go (default: .build/bench/sendfile-<time>)")
    options = parser.parse_args(argv)
    options.candidates = arguments.select("--candidates", options.candidates, servers.NAMES, {"all": servers.NAMES}, "--help")
    options.sizes = arguments.select("--sizes", options.sizes, list(SIZES), {"all": list(SIZES)}, "--help")
    options.temperatures = arguments.select("--temperatures", options.temperatures, TEMPERATURES, {"all": TEMPERATURES}, "--help")
    options.clients = [whole("--clients", 1, CLIENTS_MAX)(text) for text in options.clients.split(",")]
    options.file_server, options.files = options.file_server.resolve(), options.files.resolve()
    return options


def main(argv):
    options = parse(argv)
    if os.geteuid() != 0:
        raise Refusal("the hosts are network namespaces, and only root can make them: run this with sudo")
    # A terminated run unwinds, so that its namespaces vanish.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    servers.expect(options.candidates, options.file_server)
    servers.build()
    cases = [Case(size, clients, temperature == "cold") for temperature in options.temperatures
             for size in options.sizes for clients in options.clients]
    settings = {"candidates": options.candidates, "rounds": options.rounds, "seconds": options.seconds,
                "cold seconds": options.cold_seconds, "congestion": options.congestion, "split": options.split}
    turns = Turns("Sending files", measure.COLUMNS, ["nginx"], campaign.machine(), settings)
    made = {case: Files(options.files, case).make() for case in cases}
    turns.run(cases, options.candidates, options.rounds,
              lambda case, name: measure.turn(case, name, made[case], options), lambda: turns.write(options.out))
    return turns.finish(options.out)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Refusal as refusal:
        print(f"sendfile: {refusal}", file=sys.stderr)
        sys.exit(64)
    except KeyboardInterrupt:
        sys.exit("sendfile: interrupted; what was measured so far is written")
