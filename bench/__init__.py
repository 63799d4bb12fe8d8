"""The bench: how fast, how late and how big `doorstep run` is, measured from outside and beside a yardstick.

    events (seeded) -> feeder -> stdin of the engine -> HTTP -> sink (counts)      harness: starts, pins, measures
                                 (or of `floor`, `bare`)                           scenarios: what, with which goal

Everything is measured at the receiver or by the operating system, never by the engine itself, so the same rule measures the
engine and the yardstick. Nothing here imports the engine: it is a program that is run. Needs Linux (`/proc`, `splice`,
processor affinity).
"""
