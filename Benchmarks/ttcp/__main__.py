"""`python3 -m ttcp`"""

import os
import shutil
import signal
import sys
from pathlib import Path

from compare import ROOT, arguments, campaign
from compare.errors import Refusal

from ttcp import measure
from turns import Turns, folder_for

MAIN = ["forward", "serve-splice", "serve-adaptive"]


def parse(argv):
    parser = arguments.Parser(prog="ttcp", allow_abbrev=False,
                              description="Measures nuttcp's stream through relays in turns, in network namespaces.")
    names = list(measure.CANDIDATES)
    release = ROOT / ".build" / "release"
    parser.add_argument("--candidates", default="main", metavar="NAMES", help=f"main, all, or of {', '.join(names)} (default: main)")
    parser.add_argument("--rounds", type=arguments.whole("--rounds", 1, 1000), default=7, metavar="N",
                        help="how often each candidate has its turn (default: 7)")
    parser.add_argument("--seconds", type=arguments.whole("--seconds", 1, 3600), default=3, metavar="N",
                        help="of each stream (default: 3)")
    arguments.add_host_flags(parser, "relay")
    parser.add_argument("--longsplice", type=Path, default=release / "longsplice", metavar="PATH", help="(default: the release build)")
    parser.add_argument("--forward", type=Path, default=release / "forward", metavar="PATH", help="(default: the release build)")
    parser.add_argument("--out", type=Path, default=folder_for("ttcp"), metavar="DIR",
                        help="where results.json and results.md go (default: .build/bench/ttcp-<time>)")
    options = parser.parse_args(argv)
    options.candidates = arguments.select("--candidates", options.candidates, names, {"main": MAIN, "all": names}, "--help")
    for flag, path in (("--longsplice", options.longsplice), ("--forward", options.forward)):
        if not path.is_file():
            raise Refusal(f"{flag} {path}: there is no program there; make bench-ttcp builds it")
    options.longsplice, options.forward = options.longsplice.resolve(), options.forward.resolve()
    return options


def main(argv):
    options = parse(argv)
    if os.geteuid() != 0:
        raise Refusal("the hosts are network namespaces, and only root can make them: run this with sudo")
    if not shutil.which("nuttcp"):
        raise Refusal("there is no nuttcp here; make bench-ttcp installs it")
    # A terminated run unwinds, so that its namespaces vanish.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    settings = {"candidates": options.candidates, "rounds": options.rounds, "seconds": options.seconds,
                "congestion": options.congestion, "split": options.split}
    turns = Turns("ttcp through B", measure.COLUMNS, ["serve-splice", "serve-adaptive"], campaign.machine(), settings)
    turns.run([measure.Case()], options.candidates, options.rounds, lambda _, name: measure.turn(name, options),
              lambda: turns.write(options.out))
    return turns.finish(options.out)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Refusal as refusal:
        print(f"ttcp: {refusal}", file=sys.stderr)
        sys.exit(64)
    except KeyboardInterrupt:
        sys.exit("ttcp: interrupted; what was measured so far is written")
