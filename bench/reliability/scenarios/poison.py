"""One event in a thousand is refused with 400, and takes its whole batch with it: the culprits must be found, and cheaply."""

from __future__ import annotations

import math

import msgspec

from bench.scenario import Goal

from ..behaviour import Behaviour
from ..record import PROMISES, Figures, Scenario
from ..settings import BATCH, Engine, Hook
from ..stage import stage
from .common import closing

PICKY = Behaviour(kind="picky", every=1000, rest=7)


class Form(msgspec.Struct, frozen=True, kw_only=True):
    events: int
    durability: str = "disk"
    seed: int = 4


def play(form: Form) -> Figures:
    """Extra requests are all beyond one for each full batch."""
    hook = Hook(name="picky", lines=(f'batch = {{ max_events = {BATCH}, max_bytes = "4MiB", max_wait = "1s" }}',))
    poison = [i for i in range(form.events) if PICKY.refuses(i)]
    with stage(Engine(durability=form.durability), [hook], seed=form.seed) as play:
        play.receiver.behave("picky", PICKY)
        play.doorstep.start()
        play.exhausted(play.produce(ids=iter(range(form.events))))
        figures = closing(play, elsewhere={"picky": poison})
        counts = play.receiver.counts("picky")[0]
    needed = math.ceil(form.events / BATCH) + 1  # the fresh event comes alone
    extra = counts.requests + counts.refused - needed
    return {
        **figures,
        "poison": len(poison),
        "dead_letters_missing": abs(len(poison) - figures["dead_lettered"]),
        "extra_requests_per_poison": extra / len(poison),
    }


POISON = Scenario(
    name="poison",
    title="1 event in 1 000 refused with 400, in batches of 500",
    play=play,
    full=Form(events=200_000),
    short=Form(events=20_000),
    goals=(
        *PROMISES,
        Goal("repeated", "<=", 0),
        Goal("dead_letters_missing", "<=", 0),
        Goal("extra_requests_per_poison", "<=", 2 * math.log2(BATCH) + 2),
    ),
)
