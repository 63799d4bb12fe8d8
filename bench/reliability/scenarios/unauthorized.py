"""A token expires: the destination is held, nothing is given up; the new one is used by the very next attempt."""

from __future__ import annotations

import time

import msgspec

from bench.scenario import Goal

from ..behaviour import Behaviour
from ..record import PROMISES, Figures, Scenario
from ..repeats import SECOND_NS
from ..settings import Engine, Hook
from ..stage import Stage, stage
from .common import EXIT_0, FRESH, closing

OLD, NEW = "Bearer old", "Bearer new"


class Form(msgspec.Struct, frozen=True, kw_only=True):
    events: int
    quiet_s: float = 1.0
    """No request for so long although there is work: it is held."""
    durability: str = "disk"
    seed: int = 5


def play(form: Form) -> Figures:
    """Held is: no more requests, although there is work."""
    with stage(Engine(durability=form.durability), [Hook(name="locked", token=OLD)], seed=form.seed) as play:
        play.receiver.behave("locked", Behaviour(kind="token", token=NEW))
        play.doorstep.start()
        play.exhausted(play.produce(ids=iter(range(form.events))))
        play.settle()
        refused = held(play, form.quiet_s)
        play.configure([Hook(name="locked", token=NEW)])
        reloaded_ns = time.monotonic_ns()
        play.doorstep.reload()
        play.until(
            lambda: play.receiver.counts("locked")[0].requests > 0, 10.0, "the first delivery with the new token"
        )
        figures = closing(play)
        arrived = play.receiver.arrived("locked")
        first_ns, _ = next(arrived.requests())
    return {
        **figures,
        "requests_refused": refused,
        "refused_after_reload": arrived.counts.refused - refused,
        "wrong_tokens": sum(one not in (OLD, NEW) for one in arrived.said),
        "resumed_s": (first_ns - reloaded_ns) / SECOND_NS,
    }


def held(play: Stage, quiet_s: float) -> int:
    """Waits until it is left alone; returns how many requests it took to see that."""
    play.until(lambda: play.receiver.counts("locked")[0].refused >= 2, 10.0, "two refusals")
    deadline = time.monotonic() + 10
    refused = -1
    while (now := play.receiver.counts("locked")[0].refused) != refused and time.monotonic() < deadline:
        refused = now
        time.sleep(quiet_s)
    return now


UNAUTHORIZED = Scenario(
    name="unauthorized",
    title="401, then a new token by reload",
    play=play,
    full=Form(events=100_000),
    short=Form(events=5000),
    goals=(
        *PROMISES,
        Goal("repeated", "<=", 0),
        Goal("dead_lettered", "<=", 0),
        Goal("refused_after_reload", "<=", 0),
        Goal("wrong_tokens", "<=", 0),
        Goal("resumed_s", "<=", 1.0),
        EXIT_0,
        FRESH,
    ),
)
