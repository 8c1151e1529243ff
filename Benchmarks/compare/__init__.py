"""Longsplice beside other TCP relays: the same loads, the same hosts, in turns.

    A (client) ── B (the relay, or plain routing) ── C (server)

Run as `python3 -m compare` from Benchmarks, as root; `--list` tells what there is. The hosts and the programs are
those of the system tests.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""

sys.path.insert(0, str(ROOT / "Tests" / "System"))
