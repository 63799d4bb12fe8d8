"""Nothing accepted is ever lost: proved from outside, on real processes, loopback sockets and a journal on a real disk.

    facts (seed, id) -> producer (keeps what was acked) -> `doorstep run` (killed, stopped, starved) -> receiver (scripted faults)
                               \\---------- ledger ----------> oracle <---------- arrivals ----------/

The receiver knows from the id in an event what its bytes must be, so nothing lost, invented, altered or repeated goes unseen.
`python -m bench reliability [NAME...] [--short]` runs the scenarios. Nothing here imports the engine, which is a program that
is run; but `alone`, and the scenarios that play on it, are about its journal by itself. Needs Linux.
"""
