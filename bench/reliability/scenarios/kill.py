"""kill -9 at random moments, under load, with one destination healthy, one flaky, and one dead for the first half."""

from __future__ import annotations

import random
import time

import msgspec

from bench.scenario import Goal

from ..behaviour import Behaviour
from ..record import PROMISES, Figures, Scenario
from ..settings import Engine, Hook
from ..stage import ids_of, stage
from .common import FRESH, closing


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` is of both producers together, one on TCP and one on a Unix socket."""

    kills: int
    rate: int = 20_000
    least_s: float = 0.05
    most_s: float = 1.5
    """How long after it was ready it is killed."""
    durability: str = "disk"
    idle_s: float = 30.0
    """How long to wait in vain for what is missing in the end."""
    seed: int = 1


def play(form: Form) -> Figures:
    """Kill, start, kill ... and in the end nothing may be missing."""
    draw = random.Random(form.seed)
    hooks = [Hook(name="healthy"), Hook(name="flaky"), Hook(name="dead")]
    with stage(Engine(durability=form.durability, unix=True), hooks, seed=form.seed) as play:
        play.idle_s = form.idle_s
        play.receiver.behave("flaky", Behaviour(kind="flaky", rate=0.2))
        play.receiver.behave("dead", Behaviour(kind="down"))
        play.doorstep.start()
        producers = [play.produce(form.rate // 2, ids_of(k, 2), name) for k, name in enumerate(("tcp", "unix"))]
        ready_s = []
        for k in range(form.kills):
            ready_s.append(max(play.ready(producer) for producer in producers))
            if k == form.kills // 2:
                play.receiver.behave("dead", Behaviour())
            time.sleep(draw.uniform(form.least_s, form.most_s))
            play.kill()
        ready_s.append(max(play.ready(producer) for producer in producers))
        play.receiver.behave("flaky", Behaviour())
        return {"kills": len(play.kills), "slowest_ready_s": max(ready_s[1:]), **closing(play)}


KILL = Scenario(
    name="kill",
    title="kill -9 at random moments, 20 000 events/s, three destinations",
    play=play,
    full=Form(kills=250),
    short=Form(kills=15),
    goals=(*PROMISES, Goal("dead_lettered", "<=", 0), Goal("slowest_ready_s", "<=", 2.0), FRESH),
)
