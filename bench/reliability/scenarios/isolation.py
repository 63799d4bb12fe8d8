"""One destination of twenty hangs, trickles, or answers 500: the other nineteen must not notice, and it must catch up afterwards."""

from __future__ import annotations

import time
from array import array

import msgspec

from bench.scenario import Goal

from ..behaviour import Behaviour, Kind
from ..producer import Producer
from ..record import PROMISES, Figures, Scenario
from ..repeats import SECOND_NS
from ..settings import Engine, Hook
from ..stage import Stage, stage
from .common import EXIT_0, FRESH, closing, in_order, latencies_ns, p_ms

FAULTS: tuple[Kind, ...] = ("hang", "trickle", "down")
GRACE_NS = SECOND_NS // 2
"""What was due at the very end may arrive so much later and still be in time."""
WARM_S = 1.0


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """`share` of the measured maximum is the load; `rate` in its place if that is set.

    The maximum is that of `maximum_events` from the first ack to the last arrival: what can be kept up, not what can be stored.
    """

    seconds: float
    calm_s: float
    maximum_events: int
    count: int = 20
    share: float = 0.6
    rate: int = 0
    faults: tuple[Kind, ...] = FAULTS
    durability: str = "disk"
    seed: int = 8


def play(form: Form) -> Figures:
    """First what can be done at all, then that share of it, once with each fault."""
    rate = form.rate or round(form.share * maximum(form))
    runs = {fault: under_load(form, rate, fault) for fault in form.faults}
    figures: Figures = {"rate": rate}
    for fault, run in runs.items():
        shown = ("kept", "calm_p99_ms", "p99_ms", "p99_ratio", "rss_growth_mib", "drained_s")
        figures |= {f"{name}_{fault}": run[name] for name in shown}
    figures["kept"] = min(run["kept"] for run in runs.values())
    worst = ("p99_ratio", "rss_growth_mib", "out_of_order", "fresh_s", "exit_code")
    for name in (*worst, *(goal.metric for goal in PROMISES)):
        figures[name] = max(run[name] for run in runs.values())
    return figures


def maximum(form: Form) -> float:
    """Events a second that all of them get when none has a fault."""
    with stage(Engine(durability=form.durability), hooks(form), seed=form.seed) as play:
        play.doorstep.start()
        producer = play.produce(ids=iter(range(form.maximum_events)))
        play.ready(producer)
        began_ns = producer.first_ack_ns
        play.exhausted(producer)
        play.settle()
        play.drained()
        ended_ns = max(counts.last_ns for counts in play.receiver.counts(*play.hooks))
        return form.maximum_events / (ended_ns - began_ns) * SECOND_NS


def under_load(form: Form, rate: int, fault: Kind) -> Figures:
    """One run: the load, the fault, the end of both. What it was like just before the fault is what it is compared with."""
    with stage(Engine(durability=form.durability), hooks(form), seed=form.seed) as play:
        play.doorstep.start()
        producer = play.produce(rate)
        play.ready(producer)
        time.sleep(WARM_S)
        calm = lapse(form.calm_s)
        calm_mib = play.doorstep.rss_mib("VmHWM")
        play.receiver.behave("bad", Behaviour(kind=fault))
        faulty = lapse(form.seconds)
        growth_mib = play.doorstep.rss_mib("VmHWM") - calm_mib
        play.receiver.behave("bad", Behaviour())
        figures = closing(play)
        calm_p99_ms, p99_ms = (p99(play, producer, rate, *times) for times in (calm, faulty))
        return {
            **figures,
            "kept": kept(play, rate, *faulty),
            "calm_p99_ms": calm_p99_ms,
            "p99_ms": p99_ms,
            "p99_ratio": p99_ms / calm_p99_ms,
            "rss_growth_mib": growth_mib,
            "out_of_order": int(not in_order(play.receiver.arrived("bad"))),
        }


def lapse(seconds: float) -> tuple[int, int]:
    """Lets so much time pass; when it began and ended."""
    began_ns = time.monotonic_ns()
    time.sleep(seconds)
    return began_ns, time.monotonic_ns()


def hooks(form: Form) -> list[Hook]:
    """The bad one is slow to begin with: one request at a time, in order."""
    good = [Hook(name=f"good{k}") for k in range(form.count - 1)]
    return [*good, Hook(name="bad", in_flight=1, lines=('timeout = "2s"',))]


def others(play: Stage) -> list[str]:
    """All but the bad one."""
    return [name for name in play.hooks if name != "bad"]


def kept(play: Stage, rate: int, began_ns: int, ended_ns: int) -> float:
    """The least that one of the others kept of the throughput."""
    intended = (ended_ns - began_ns) / SECOND_NS * rate
    counts = [play.receiver.arrived(name).events_between(began_ns, ended_ns + GRACE_NS) for name in others(play)]
    return min(1.0, min(counts) / intended)


def p99(play: Stage, producer: Producer, rate: int, began_ns: int, ended_ns: int) -> float:
    """Of all of the others together: milliseconds from when an event was due to when it arrived."""
    waits = array("q")
    for name in others(play):
        waits.extend(latencies_ns(play.receiver.arrived(name), producer, rate, began_ns, ended_ns))
    return p_ms(waits, 0.99)


ISOLATION = Scenario(
    name="isolation",
    title="1 of 20 hangs / trickles / answers 500, open loop at 60 % of the measured maximum",
    play=play,
    full=Form(seconds=60.0, calm_s=30.0, maximum_events=100_000),
    short=Form(seconds=5.0, calm_s=5.0, maximum_events=20_000),
    goals=(
        *PROMISES,
        Goal("kept", ">=", 0.95),
        Goal("p99_ratio", "<=", 1.25),
        Goal("rss_growth_mib", "<=", 64),
        Goal("out_of_order", "<=", 0),
        EXIT_0,
        FRESH,
    ),
)
