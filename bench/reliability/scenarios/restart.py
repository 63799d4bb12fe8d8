"""SIGTERM and start again, under load: nothing lost, nothing sent twice, exit code 0 each time."""

from __future__ import annotations

import random
import time

import msgspec

from bench.scenario import Goal

from ..record import PROMISES, Figures, Scenario
from ..settings import Engine, Hook
from ..stage import stage
from .common import EXIT_0, FRESH, closing


class Form(msgspec.Struct, frozen=True, kw_only=True):
    restarts: int
    rate: int = 20_000
    most_s: float = 1.0
    seed: int = 2


def play(form: Form) -> Figures:
    """Every repeat that the producer did not cause itself is one too many: no kill is to blame."""
    draw = random.Random(form.seed)
    with stage(Engine(), [Hook(name="one"), Hook(name="two", form="ndjson")], seed=form.seed) as play:
        play.doorstep.start()
        producer = play.produce(form.rate)
        worst = 0
        stop_s = []
        for _ in range(form.restarts):
            play.ready(producer)
            time.sleep(draw.uniform(0.05, form.most_s))
            ended = play.doorstep.stop()
            worst = max(worst, ended.code)
            stop_s.append(ended.seconds)
            play.doorstep.start()
        play.ready(producer)
        figures = closing(play)
        return {"restarts": form.restarts, "slowest_stop_s": max(stop_s), **figures, "worst_exit_code": worst}


RESTART = Scenario(
    name="restart",
    title="clean restarts (SIGTERM), 20 000 events/s",
    play=play,
    full=Form(restarts=100),
    short=Form(restarts=10, most_s=0.4),
    goals=(*PROMISES, Goal("repeated", "<=", 0), Goal("worst_exit_code", "<=", 0), EXIT_0, FRESH),
)
