"""What is measured, as data: who runs against which load, what is read off, which goal it is held against.

The entrants of a scenario run in turn in every round, so that a ratio compares two runs of the same minute. The goals are those
of the project's acceptance list.
"""

from __future__ import annotations

from collections.abc import Mapping

from .entrants import ENGINE, all_ok, engine, fan_out, mapped, webhook
from .function_scenarios import FUNCTIONS, MISBEHAVING
from .measured import Measured
from .scenario import AsFast, Entrant, Goal, Scenario, ShareOf, Steady

RSS = Goal("rss_mib", "<=", 150)


def common(measured: Measured) -> dict[str, float]:
    """What is read off every run at full speed."""
    return {
        "events_per_s": measured.events_per_s,
        "cpu_us": measured.cpu_us,
        "rss_mib": measured.rss_mib,
        "sink_share": measured.sink_share,
    }


def read_pass_through(runs: Mapping[str, Measured]) -> dict[str, float]:
    floor = runs["floor"].events_per_s
    return {**common(runs["engine"]), "floor_events_per_s": floor, "of_floor": runs["engine"].events_per_s / floor}


def read_fan_out(runs: Mapping[str, Measured]) -> dict[str, float]:
    run = runs["engine"]
    return {**common(run), "deliveries_per_s": run.events_per_s * len(run.sink.paths)}


def read_trigger(runs: Mapping[str, Measured]) -> dict[str, float]:
    extra_us = runs["trigger"].cpu_us - runs["plain"].cpu_us
    return {**common(runs["trigger"]), "plain_cpu_us": runs["plain"].cpu_us, "trigger_us": extra_us}


def read_single(runs: Mapping[str, Measured]) -> dict[str, float]:
    bare = runs["bare"].events_per_s
    return {**common(runs["engine"]), "bare_events_per_s": bare, "of_bare": runs["engine"].events_per_s / bare}


def read_latency(runs: Mapping[str, Measured]) -> dict[str, float]:
    path = runs["engine"].path("/ok")
    figures = {
        "p50_ms": path.p50_ms,
        "p99_ms": path.p99_ms,
        "max_ms": path.max_ms,
        "late_ms": runs["engine"].fed.late_ms,
    }
    return {**figures, "rss_mib": runs["engine"].rss_mib}


def read_isolation(runs: Mapping[str, Measured]) -> dict[str, float]:
    figures = {f"kept_beside_{fault}": worst_pace(runs[fault], 19) for fault in FAULTS}
    rss = max(run.rss_mib for run in runs.values())
    return {"deliveries_per_s": runs["maximum"].events_per_s * 20, **figures, "rss_mib": rss}


def worst_pace(run: Measured, siblings: int) -> float:
    """The lowest share of the intended throughput that one of the healthy ones got."""
    return min(run.kept_pace(path) for path in all_ok(siblings))


def read_stalled(runs: Mapping[str, Measured]) -> dict[str, float]:
    each = {f"rss_{name}_mib": run.rss_mib for name, run in runs.items()}
    return {**each, "rss_mib": max(each.values())}


FAULTS = {"hang": "/hang", "trickle": "/trickle", "error": "/status/500"}
_DROPS = ('overflow = "drop_newest"', 'timeout = "2s"')
_BAD = (0, 3)

PASS_THROUGH = Scenario(
    name="pass-through",
    title="stdin to one webhook, 500 events a request",
    entrants=(
        Entrant(
            name="engine",
            arguments=(*ENGINE, "--to", "{sink}/ok", "--summary", "json"),
            load=AsFast(400_000),
            whole=("/ok",),
        ),
        Entrant(name="floor", arguments=("-m", "bench.floor", "{sink}/ok"), load=AsFast(400_000)),
    ),
    read=read_pass_through,
    goals=(Goal("of_floor", ">=", 0.65), Goal("events_per_s", ">=", 200_000), RSS),
)

FAN_OUT = Scenario(
    name="fan-out",
    title="stdin to ten webhooks",
    entrants=(engine("engine", AsFast(100_000), fan_out(10), whole=all_ok(10)),),
    read=read_fan_out,
    goals=(Goal("deliveries_per_s", ">=", 350_000), RSS),
)

MAPPED = Scenario(
    name="mapped",
    title="stdin to ten webhooks, each with a mapping of its own of six fields, one of them a hash",
    entrants=(engine("engine", AsFast(100_000), mapped(10)),),
    read=read_fan_out,
    goals=(Goal("deliveries_per_s", ">=", 200_000), RSS),
)

TRIGGER = Scenario(
    name="trigger",
    title="FQL on a property that lets every event through, against the same without",
    entrants=(
        engine("plain", AsFast(400_000), webhook("hook", "/ok"), whole=("/ok",)),
        engine(
            "trigger",
            AsFast(400_000),
            webhook("hook", "/ok", "trigger = '!(properties.currency = \"XXX\")'"),
            whole=("/ok",),
        ),
    ),
    read=read_trigger,
    goals=(Goal("trigger_us", "<=", 1.5), RSS),
)

SINGLE = Scenario(
    name="single",
    title="one request per event, eight in flight, against a bare aiohttp loop",
    entrants=(
        engine(
            "engine",
            AsFast(30_000),
            webhook("hook", "/ok", "in_flight = 8", form="single"),
            whole=("/ok",),
            framing=-1,
        ),
        Entrant(
            name="bare",
            arguments=("-m", "bench.bare", "{sink}/ok"),
            load=AsFast(30_000),
            whole=("/ok",),
            framing=-1,
        ),
    ),
    read=read_single,
    goals=(Goal("of_bare", ">=", 0.8), RSS),
)

LATENCY = Scenario(
    name="latency",
    title="from intended send time to the receiver at a steady 20 000 events/s, max_wait 10 ms",
    entrants=(
        engine(
            "engine",
            Steady(20_000, 10.0),
            webhook("hook", "/ok?latency=1", 'batch = { max_wait = "10ms" }'),
            whole=("/ok",),
        ),
    ),
    read=read_latency,
    goals=(Goal("p50_ms", "<=", 15), Goal("p99_ms", "<=", 50), RSS),
)

ISOLATION = Scenario(
    name="isolation",
    title="one bad webhook among twenty, open loop at 60 % of the fan-out maximum",
    entrants=(
        engine("maximum", AsFast(50_000), fan_out(20), whole=all_ok(20)),
        *[
            engine(
                fault,
                ShareOf("maximum", 0.6, seconds=5.0),
                fan_out(19) + webhook("bad", path, *_DROPS),
                drain="1s",
                exits=_BAD,
                whole=all_ok(19),
            )
            for fault, path in FAULTS.items()
        ],
    ),
    read=read_isolation,
    goals=tuple(Goal(f"kept_beside_{fault}", ">=", 0.95) for fault in FAULTS),
)

STALLED = Scenario(
    name="stalled",
    title="330 MB past a webhook that never answers: how much is held",
    entrants=(
        engine(
            "block",
            AsFast(400_000, within_s=6.0),
            webhook("hook", "/ok") + webhook("bad", "/hang"),
            drain="1s",
            exits=_BAD,
        ),
        engine(
            "drop",
            AsFast(400_000),
            webhook("hook", "/ok") + webhook("bad", "/hang", *_DROPS),
            drain="1s",
            exits=_BAD,
            whole=("/ok",),
        ),
    ),
    read=read_stalled,
    goals=(RSS,),
)

SCENARIOS = {
    each.name: each
    for each in (
        PASS_THROUGH,
        FAN_OUT,
        MAPPED,
        TRIGGER,
        SINGLE,
        LATENCY,
        ISOLATION,
        STALLED,
        FUNCTIONS,
        MISBEHAVING,
    )
}
