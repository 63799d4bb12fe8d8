"""Nothing accepted is ever lost: proved from outside, on real processes, loopback sockets and a journal on a real disk.

    facts (seed, id) -> producer (keeps what was acked) -> `doorstep run` (killed, stopped, starved) -> receiver (scripted faults)
                               \\---------- ledger ----------> oracle <---------- arrivals ----------/

The receiver knows from the id in an event what its bytes must be, so nothing lost, invented, altered or repeated goes unseen.
`python -m bench reliability [NAME...] [--short]` runs the scenarios. The engine is a program that is run. Three kinds of
files import from it all the same: those about its journal by itself (`alone`, and what plays on it: `crash_images`,
`io_faults`, `sync_order`), `bit_rot`, which wounds a journal page by page and salvages it, and `explain`, which asks as the
command does. Needs Linux.
"""
