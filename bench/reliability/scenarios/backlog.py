"""A large backlog, then a restart: ready at once, in little memory, and drained fast."""

from __future__ import annotations

import msgspec

from bench.scenario import Goal

from ..behaviour import Behaviour
from ..record import PROMISES, Figures, Scenario
from ..repeats import SECOND_NS
from ..settings import Engine, Hook
from ..stage import stage
from .common import EXIT_0, FRESH, closing


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """`limit`: of the journal and of the backlog, where the defaults are too small."""

    events: int
    limit: str = ""
    seed: int = 7


def play(form: Form) -> Figures:
    """Filled against a dead destination, as fast as it is taken."""
    backlog = (f'backlog = {{ max_bytes = "{form.limit}" }}',) if form.limit else ()
    journal = (f'max_journal_bytes = "{form.limit}"',) if form.limit else ()
    with stage(Engine(lines=journal), [Hook(name="late", lines=backlog)], seed=form.seed) as play:
        play.receiver.behave("late", Behaviour(kind="reset"))
        play.doorstep.start()
        filler = play.produce(ids=iter(range(form.events)))
        play.exhausted(filler, 60 + form.events / 20_000)
        play.settle()
        filled_s = (filler.last_ack_ns - filler.start_ns) / SECOND_NS
        play.doorstep.stop()
        play.receiver.behave("late", Behaviour())
        play.doorstep.start()
        ready_s = play.ready(play.produce(ids=iter([form.events])))
        figures = closing(play)
        arrived = play.receiver.arrived("late")
    times = [at_ns for at_ns, _ in arrived.requests()]
    drain_s = (times[-2] - times[0]) / SECOND_NS  # the last one is the fresh event
    return {
        **figures,
        "filled_per_s": form.events / filled_s,
        "ready_s": ready_s,
        "drain_per_s": (form.events - arrived.events_between(times[0], times[0] + 1)) / drain_s,
    }


BACKLOG = Scenario(
    name="backlog",
    title="a backlog of millions, a restart, and a fast receiver",
    play=play,
    full=Form(events=10_000_000, limit="20GiB"),
    short=Form(events=100_000),
    goals=(
        *PROMISES,
        Goal("repeated", "<=", 0),
        Goal("dead_lettered", "<=", 0),
        Goal("ready_s", "<=", 3.0),
        Goal("rss_mib", "<=", 300),
        Goal("drain_per_s", ">=", 50_000),
        EXIT_0,
        FRESH,
    ),
)
