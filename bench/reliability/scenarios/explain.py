"""The life of random events out of millions: right, and soon told, while as many as ever come in."""

from __future__ import annotations

import random
import time
from array import array
from collections import Counter
from collections.abc import Sequence

import anyio
import msgspec
from doorstep.engine.admin.client import connect
from doorstep.engine.journal.desk import Life

from bench.scenario import Goal

from ..arrivals import unpacked
from ..behaviour import Behaviour
from ..ledger import flags_of
from ..producer import Producer
from ..record import Figures, Scenario
from ..repeats import SECOND_NS
from ..settings import Engine, Hook
from ..stage import Stage, stage
from .backlog import Form as Backlog
from .common import EXIT_0, p_ms

DIGIT = "7"
"""What must be among the digits of an event for its trigger to fire."""
REST = 7
DEAD_ASKED = 10
"""One question in so many is about an event that was given up."""

State = tuple[str, str]
"""What is said of an event at a destination, and why."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One event in `every` is refused. `rate` is what comes in for `calm_s`, and while questions are asked, `most_s` at most."""

    backlog: Backlog
    every: int
    questions: int
    rate: int = 20_000
    calm_s: float = 5.0
    most_s: float = 180.0


def play(form: Form) -> Figures:
    """Filled with one destination dead; then questions, one after the other, while more events come in."""
    events, limit = form.backlog.events, form.backlog.limit
    lines = (f'backlog = {{ max_bytes = "{limit}" }}',) if limit else ()
    hooks = [Hook(name="late", lines=lines), Hook(name="chosen", lines=(*lines, f"trigger = '{trigger()}'"))]
    journal = (f'max_journal_bytes = "{limit}"',) if limit else ()
    with stage(Engine(lines=journal), hooks, seed=form.backlog.seed) as play:
        filled_s = fill(play, form)
        oracle = Oracle(form.every, play.receiver.arrived("chosen").ids)
        ids = sample(form)
        producer = play.produce(form.rate, ids=iter(range(events, events + round(form.rate * form.most_s * 2))))
        play.ready(producer)
        calm = calm_from(producer, form.calm_s)
        began_ns, before = time.monotonic_ns(), len(producer.latencies_ns)
        answers = anyio.run(ask, play, ids, form.most_s)
        waits_ns, took_s = producer.latencies_ns[before:], (time.monotonic_ns() - began_ns) / SECOND_NS
        kept = kept_up(play, producer, form.rate)
        play.settle()
        ended = play.doorstep.stop()
    told = [answer.states for answer in answers]
    wrong = [i for i, states in zip(ids, told, strict=False) if states != oracle(i)]
    return {
        "events": events,
        "filled_per_s": events / filled_s,
        "asked": len(answers),
        "not_asked": len(ids) - len(answers),
        "wrong": len(wrong),
        **{
            f"said_{state}": count
            for state, count in sorted(Counter(s for one in told for s, _ in one.values()).items())
        },
        "explain_p50_ms": p_ms(array("q", [answer.took_ns for answer in answers]), 0.5),
        "explain_p99_ms": p_ms(array("q", [answer.took_ns for answer in answers]), 0.99),
        "asked_for_s": took_s,
        "rate_kept": kept,
        "calm_ack_p99_ms": p_ms(producer.latencies_ns[calm:before], 0.99),
        "ack_p50_ms": p_ms(waits_ns, 0.5),
        "ack_p99_ms": p_ms(waits_ns, 0.99),
        "rss_mib": ended.rss_mib,
        "exit_code": ended.code,
    }


# What must be said ---------------------------------------------------------------------------------------------------


def trigger() -> str:
    """The condition of `chosen`, in FQL."""
    return f'contains(properties.n, "{DIGIT}")'


class Oracle:
    """What is known of an event by id, from what the receiver did: called, it gives the state at each destination."""

    def __init__(self, every: int, arrived: bytes) -> None:
        self._every = every
        self._delivered = flags_of(unpacked("I", arrived))

    def __call__(self, i: int) -> dict[str, State]:
        return {"late": ("pending", ""), "chosen": self._chosen(i)}

    def _chosen(self, i: int) -> State:
        if DIGIT not in f"{i:012d}":
            return "filtered", "trigger"
        if i % self._every == REST:
            return "dead", "http_400"
        return ("delivered", "") if self._delivered[i] else ("pending", "")


def chosen_count(form: Form) -> int:
    """How many events `chosen` takes."""
    ids = range(form.backlog.events)
    return sum(DIGIT in f"{i:012d}" and i % form.every != REST for i in ids)


def sample(form: Form) -> list[int]:
    """Random ids, some of them of dead letters: of these there are too few to be met by chance."""
    draw = random.Random(form.backlog.seed)
    dead = range(REST, form.backlog.events, form.every)
    return [
        draw.choice(dead) if k % DEAD_ASKED == 0 else draw.randrange(form.backlog.events) for k in range(form.questions)
    ]


# What is said --------------------------------------------------------------------------------------------------------


class Answered(msgspec.Struct, frozen=True):
    """What was said of one event, and how long that took."""

    states: dict[str, State]
    took_ns: int


def fill(play: Stage, form: Form) -> float:
    """All events acknowledged, and settled at `chosen`; the seconds until the last ack."""
    play.receiver.behave("late", Behaviour(kind="reset"))
    play.receiver.behave("chosen", Behaviour(kind="picky", every=form.every, rest=REST))
    play.doorstep.start()
    filler = play.produce(ids=iter(range(form.backlog.events)))
    wanted = chosen_count(form)
    play.exhausted(filler, 60 + form.backlog.events / 20_000)
    play.settle()
    play.until(
        lambda: play.receiver.counts("chosen")[0].unique >= wanted, 60 + wanted / 20_000, f"{wanted} events at chosen"
    )
    return (filler.last_ack_ns - filler.start_ns) / SECOND_NS


def calm_from(producer: Producer, calm_s: float) -> int:
    """Lets it come in, and nobody asks; which of the latencies is the first of the second half of that time."""
    time.sleep(calm_s / 2)
    first = len(producer.latencies_ns)
    time.sleep(calm_s / 2)
    return first


async def ask(play: Stage, ids: Sequence[int], most_s: float) -> list[Answered]:
    """One question after the other, as many as can be asked in `most_s`."""
    answers, deadline = list[Answered](), time.monotonic() + most_s
    async with connect(play.data_dir) as desk:
        for i in ids:
            if time.monotonic() > deadline:
                break
            began_ns = time.monotonic_ns()
            lives = await desk.explain(message_id(line := play.facts.event(i)))
            took_ns = time.monotonic_ns() - began_ns
            answers.append(Answered(states_of(lives, line), took_ns))
    return answers


def message_id(line: bytes) -> str:
    """Of an event."""
    found: str = msgspec.json.decode(line)["messageId"]
    return found


def states_of(lives: Sequence[Life], line: bytes) -> dict[str, State]:
    """What is said at each destination; nothing if it is not one life, or of another event."""
    if len(lives) != 1 or lives[0].line != line:
        return {}
    return {story.destination: (story.state, story.reason) for story in lives[0].stories}


def kept_up(play: Stage, producer: Producer, rate: int) -> float:
    """The share of the events due by now that were handed over."""
    due = (time.monotonic_ns() - producer.start_ns) * rate / SECOND_NS
    return producer.produced / due


EXPLAIN = Scenario(
    name="explain",
    title="the lives of random events out of millions, while 20 000 events/s come in",
    play=play,
    full=Form(backlog=Backlog(events=10_000_000, limit="20GiB"), every=100_000, questions=1000),
    short=Form(backlog=Backlog(events=30_000), every=1000, questions=50, calm_s=1.0),
    goals=(
        Goal("wrong", "<=", 0),
        Goal("not_asked", "<=", 0),
        Goal("explain_p99_ms", "<=", 2000),
        EXIT_0,
    ),
    full_goals=(Goal("rate_kept", ">=", 0.99), Goal("ack_p99_ms", "<=", 30)),
)
