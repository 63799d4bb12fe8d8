"""One destination is gone for minutes, then back: nothing is lost or given up, and it catches up while the load goes on."""

from __future__ import annotations

import time
from itertools import pairwise

import msgspec

from bench.scenario import Goal

from ..arrivals import Arrived, unpacked
from ..behaviour import Behaviour
from ..record import PROMISES, Figures, Scenario
from ..repeats import SECOND_NS
from ..settings import MAX_OPEN_S, Engine, Hook
from ..stage import Stage, stage
from .common import EXIT_0, FRESH, closing

FLAP_NS = SECOND_NS * 4 // 10
"""The shortest time that this scenario's breaker stays open."""
CAUGHT_UP_S = 0.5
"""Events of so much time under way are no backlog any more."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    outage_s: float
    rate: int = 10_000
    durability: str = "disk"
    seed: int = 3


def play(form: Form) -> Figures:
    """The load does not stop for the drain, so what is drained is more than the backlog."""
    with stage(Engine(durability=form.durability), [Hook(name="well"), Hook(name="gone")], seed=form.seed) as play:
        play.receiver.behave("gone", Behaviour(kind="reset"))
        play.doorstep.start()
        play.ready(play.produce(form.rate))
        time.sleep(form.outage_s)
        healed_ns = time.monotonic_ns()
        play.receiver.behave("gone", Behaviour())
        caught_up(play, form)
        caught_up_ns = time.monotonic_ns()
        return {**closing(play), **recovery(play.receiver.arrived("gone"), healed_ns, caught_up_ns, form.rate)}


def caught_up(play: Stage, form: Form) -> None:
    """Waits until the one that was gone is hardly behind."""
    slack = form.rate * CAUGHT_UP_S
    play.until(
        lambda: play.receiver.counts("gone")[0].unique >= play.ledger.acked_count - slack,
        10 + form.outage_s,
        "the one that was gone to catch up",
    )


def recovery(arrived: Arrived, healed_ns: int, caught_up_ns: int, rate: int) -> Figures:
    """How soon it was tried again, how fast it caught up, and how often it was left alone in between."""
    times = [at for at in unpacked("q", arrived.times_ns) if healed_ns <= at <= caught_up_ns]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    drained = arrived.events_between(healed_ns, caught_up_ns)
    return {
        "recovered_s": (times[0] - healed_ns) / SECOND_NS,
        "drain_per_s": drained / (caught_up_ns - times[0]) * SECOND_NS,
        "drain_ratio": drained / (caught_up_ns - times[0]) * SECOND_NS / rate,
        "flaps": sum(gap >= FLAP_NS for gap in gaps),
        "requests_refused": arrived.counts.refused,
    }


OUTAGE = Scenario(
    name="outage",
    title="one destination closes every connection, then is well again; 10 000 events/s throughout",
    play=play,
    full=Form(outage_s=300.0),
    short=Form(outage_s=20.0),
    goals=(
        *PROMISES,
        Goal("repeated", "<=", 0),
        Goal("dead_lettered", "<=", 0),
        Goal("recovered_s", "<=", MAX_OPEN_S + 1),
        Goal("drain_ratio", ">=", 3),
        Goal("flaps", "<=", 1),
        EXIT_0,
        FRESH,
    ),
)
