"""The experiment of 2005 again: ttcp's stream from A through B to C, spliced on B.

    A (nuttcp -t) ── veth ── B (forward, or longsplice serve) ── veth ── C (nuttcp -S)

Run as `python3 -m ttcp` from Benchmarks, as root.
"""
