"""`python3 -m compare`"""

import os
import signal
import sys

from compare import arguments, campaign, candidates, report, workloads
from compare.errors import Refusal


def listing():
    lines = ["Candidates (* those of `main`, which is the default):"]
    lines += [f"  {'*' if c.name in candidates.MAIN else ' '} {c.name:18} {c.title}" for c in candidates.ALL]
    lines += ["", "Workloads (* those of `main`; `growth` stands for all of its sizes):"]
    lines += [f"  {'*' if w.name in workloads.MAIN else ' '} {w.name:18} {w.title}" for w in workloads.ALL]
    return "\n".join(lines)


def main(argv):
    options = arguments.parse(argv)
    if options.list:
        print(listing())
        return 0
    if os.geteuid() != 0:
        raise Refusal("the hosts are network namespaces, and only root can make them: run this with sudo")
    # A terminated run unwinds, so that its namespaces vanish.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    results = campaign.run(options, lambda results: report.write(results, options.out))
    print(report.markdown(results))
    print(f"written to {options.out}", file=sys.stderr)
    return 1 if results.failures() else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Refusal as refusal:
        print(f"compare: {refusal}", file=sys.stderr)
        sys.exit(64)
    except KeyboardInterrupt:
        sys.exit("compare: interrupted; what was measured so far is written")
