"""One destination of twenty hangs, trickles, or answers 500: the other nineteen must not notice, and it must catch up afterwards."""

from __future__ import annotations

import statistics
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


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """`share` of the measured maximum is the load; `rate` in its place if that is set.

    The maximum is that of `maximum_events` from the first ack to the last arrival: what can be kept up, not what can be stored.
    """

    seconds: float
    maximum_events: int
    count: int = 20
    share: float = 0.6
    rate: int = 0
    faults: tuple[Kind, ...] = FAULTS
    durability: str = "disk"
    seed: int = 8


def play(form: Form) -> Figures:
    """First what can be done at all, then the load without a fault, then with each."""
    rate = form.rate or round(form.share * maximum(form))
    calm = under_load(form, rate, None)
    figures: Figures = {"rate": rate, "calm_p99_ms": calm["p99_ms"], "calm_kept": calm["kept"]}
    runs = {fault: under_load(form, rate, fault) for fault in form.faults}
    for fault, run in runs.items():
        figures |= {f"{name}_{fault}": run[name] for name in ("kept", "p99_ms", "rss_growth_mib", "drained_s")}
        figures[f"p99_ratio_{fault}"] = run["p99_ms"] / calm["p99_ms"]
    figures["kept"] = min(run["kept"] for run in runs.values())
    figures["p99_ratio"] = max(run["p99_ms"] for run in runs.values()) / calm["p99_ms"]
    for name in ("rss_growth_mib", "out_of_order", "fresh_s", "exit_code", *(goal.metric for goal in PROMISES)):
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


def under_load(form: Form, rate: int, fault: Kind | None) -> Figures:
    """One run: the load with the fault (or none), then the end of the fault and of the load."""
    with stage(Engine(durability=form.durability), hooks(form), seed=form.seed) as play:
        play.doorstep.start()
        producer = play.produce(rate)
        play.ready(producer)
        calm_mib = settled_rss_mib(play)
        play.receiver.behave("bad", Behaviour(kind=fault or "healthy"))
        began_ns = time.monotonic_ns()
        time.sleep(form.seconds)
        ended_ns = time.monotonic_ns()
        growth_mib = play.doorstep.rss_mib("VmHWM") - calm_mib
        play.receiver.behave("bad", Behaviour())
        figures = closing(play)
        return {
            **figures,
            **siblings(play, producer, rate, began_ns, ended_ns),
            "rss_growth_mib": growth_mib,
            "out_of_order": not in_order(play.receiver.arrived("bad")),
        }


def hooks(form: Form) -> list[Hook]:
    """The bad one is slow to begin with: one request at a time, in order."""
    good = [Hook(name=f"good{k}") for k in range(form.count - 1)]
    return [*good, Hook(name="bad", in_flight=1, lines=('timeout = "2s"',))]


def settled_rss_mib(play: Stage) -> float:
    """What it has in memory under the load, a second in."""
    time.sleep(1.0)
    return play.doorstep.rss_mib("VmHWM")


def siblings(play: Stage, producer: Producer, rate: int, began_ns: int, ended_ns: int) -> Figures:
    """The least that one of the others kept of the throughput while the fault lasted, and the p99 of all of them."""
    kept, waits = [], array("q")
    for name in play.hooks:
        if name != "bad":
            arrived = play.receiver.arrived(name)
            in_time = arrived.events_between(began_ns, ended_ns + GRACE_NS)
            kept.append(min(1.0, in_time / ((ended_ns - began_ns) / SECOND_NS * rate)))
            waits.extend(latencies_ns(arrived, producer, rate, began_ns, ended_ns))
    return {"kept": min(kept), "median_kept": statistics.median(kept), "p99_ms": p_ms(waits, 0.99)}


ISOLATION = Scenario(
    name="isolation",
    title="1 of 20 hangs / trickles / answers 500, open loop at 60 % of the measured maximum",
    play=play,
    full=Form(seconds=60.0, maximum_events=100_000),
    short=Form(seconds=5.0, maximum_events=20_000),
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
