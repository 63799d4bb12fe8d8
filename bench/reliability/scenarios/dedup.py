"""Three lines in ten are repeats, over restarts and kills: each messageId goes out once."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import msgspec

from bench.scenario import Goal

from ..record import PROMISES, Figures, Scenario
from ..settings import Engine, Hook
from ..stage import stage
from .common import FRESH, closing


class Form(msgspec.Struct, frozen=True, kw_only=True):
    lines: int
    faults: int
    """Kills and clean restarts in turn."""
    rate: int = 20_000
    seed: int = 6


def repeating(lines: int, share: float, draw: random.Random) -> Iterator[int]:
    """Ids from 0, of which this share was there before, lately or long ago."""
    fresh = 0
    for _ in range(lines):
        if fresh and draw.random() < share:
            yield fresh - 1 - int(fresh * draw.random() ** 4)
        else:
            yield fresh
            fresh += 1


def play(form: Form) -> Figures:
    """`once`: also what the producer says twice must arrive once; only what was under way at a kill may be repeated."""
    engine = Engine(ingress_lines=('dedup = "24h"',))
    with stage(engine, [Hook(name="one"), Hook(name="two")], seed=form.seed) as play:
        play.doorstep.start()
        producer = play.produce(form.rate, repeating(form.lines, 0.3, random.Random(form.seed)))
        pause_s = form.lines / form.rate / (form.faults + 1) / 2  # the other half is for starting again
        for k in range(form.faults):
            play.ready(producer)
            time.sleep(pause_s)
            if k % 2:
                play.doorstep.stop()
                play.doorstep.start()
            else:
                play.kill()
        play.exhausted(producer, 60 + form.lines / form.rate)
        figures = closing(play, once=True)
    return {**figures, "lines": form.lines, "kills": len(play.kills)}


DEDUP = Scenario(
    name="dedup",
    title='dedup = "24h", 30 % repeats, across kills and restarts',
    play=play,
    full=Form(lines=1_000_000, faults=20),
    short=Form(lines=60_000, faults=4, rate=10_000),
    goals=(*PROMISES, Goal("dead_lettered", "<=", 0), FRESH),
)
