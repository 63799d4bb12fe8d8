"""Policies: small machines that decide, and never wait.

    what happened, and when (`now`)  ->  policy  ->  a number of seconds, or a decision

Rule 1: no loop, clock, logger, socket or source of randomness in here. `now` is monotonic seconds and comes with the call;
`random` (floats in [0, 1)) comes with the constructor. The actor waits; the policy only says how long.
Rule 2: who waited exactly as long as told is always served: see `due.seconds_left`.
Rule 3: states are a table; an event that is not in it raises `IllegalTransition` and changes nothing.

`limiter` how fast · `breaker` whether at all · `window` which events travel together · `retry` when again · `restart` when a crashed actor
comes back · `blame` whose failure it was · `alerts`
who is told. Each declares the settings that users write for it. Imported by delivery, config, docs and tests.
"""
