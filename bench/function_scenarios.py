"""Users' functions, as data: what one costs beside the same engine without it, and what its neighbours keep while it misbehaves.

The functions are the files of `handlers/`. Those that misbehave let the warm-up pass, so that every destination has connected and
been fed when the schedule begins; the first events of the schedule set them off.
"""

from __future__ import annotations

from collections.abc import Mapping

from .entrants import all_ok, engine, fan_out, webhook
from .measured import Measured
from .scenario import AsFast, Goal, Scenario, ShareOf

LIMIT_S = 1.0
"""`timeout` of a function that misbehaves."""
SECONDS = 4.0
"""Of the schedule. The breaker of that function opens at `LIMIT_S` for 5 s and more, so it misbehaves once."""
COMPANY_S = 0.1
"""So long an event waits for company: before that nothing of the schedule can have arrived."""
SIBLINGS = 4
MISBEHAVIOURS = ("spins", "blocks", "waits")


def function(name: str, *lines: str) -> str:
    """The TOML of a function destination that runs `handlers/NAME.py`; `lines` are further keys."""
    head = f'[destinations.{name}]\ntype = "function"\nsource = "{{bench}}/handlers/{name}.py"\n'
    return head + "".join(f"{line}\n" for line in lines)


def insert(name: str) -> str:
    """The TOML of an insert function before every destination."""
    return f'[functions.{name}]\nsource = "{{bench}}/handlers/{name}.py"\n'


def read_functions(runs: Mapping[str, Measured]) -> dict[str, float]:
    plain, handled, changed = runs["plain"], runs["function"], runs["insert"]
    return {
        "events_per_s": handled.events_per_s,
        "of_without": handled.events_per_s / plain.events_per_s,
        "cpu_us": handled.cpu_us,
        "without_cpu_us": plain.cpu_us,
        "function_us": handled.cpu_us - plain.cpu_us,
        "insert_us": changed.cpu_us - plain.cpu_us,
        "rss_mib": handled.rss_mib,
        "sink_share": handled.sink_share,
    }


def read_misbehaving(runs: Mapping[str, Measured]) -> dict[str, float]:
    figures = {"events_per_s": runs["maximum"].events_per_s}
    for name in MISBEHAVIOURS:
        figures[f"during_{name}"] = worst(runs[name], COMPANY_S, LIMIT_S)
        figures[f"after_{name}"] = worst(runs[name], LIMIT_S + 1.0, SECONDS)
    rate = min(runs[name].rate for name in MISBEHAVIOURS)
    return {**figures, "rate_per_s": rate, "rss_mib": max(run.rss_mib for run in runs.values())}


def worst(run: Measured, from_s: float, to_s: float) -> float:
    """The lowest share of the intended throughput that one of the neighbours got in that part of the schedule."""
    return min(run.pace(path, from_s, to_s) for path in all_ok(SIBLINGS))


_BAD = (0, 3)

FUNCTIONS = Scenario(
    name="functions",
    title="a webhook with a function beside it, and with one before it, against the webhook alone",
    entrants=(
        engine("plain", AsFast(200_000), webhook("hook", "/ok"), whole=("/ok",)),
        engine(
            "function",
            AsFast(200_000),
            webhook("hook", "/ok") + function("reads"),
            whole=("/ok",),
            handled=("reads",),
        ),
        engine("insert", AsFast(200_000), webhook("hook", "/ok") + insert("changes"), handled=("hook",)),
    ),
    read=read_functions,
    goals=(Goal("function_us", "<=", 6), Goal("rss_mib", "<=", 150)),
)

MISBEHAVING = Scenario(
    name="misbehaving",
    title="a function that spins, blocks or waits (1 s limit) beside four webhooks, open loop at 60 % of their maximum",
    entrants=(
        engine("maximum", AsFast(100_000), fan_out(SIBLINGS) + function("reads"), whole=all_ok(SIBLINGS)),
        *[
            engine(
                name,
                ShareOf("maximum", 0.6, seconds=SECONDS),
                fan_out(SIBLINGS, "?pace=1")
                + function(name, f'timeout = "{LIMIT_S:g}s"', 'overflow = "drop_newest"', "in_flight = 10"),
                drain="1s",
                exits=_BAD,
                whole=all_ok(SIBLINGS),
            )
            for name in MISBEHAVIOURS
        ],
    ),
    read=read_misbehaving,
    goals=(
        Goal("during_spins", ">=", 0.25),
        *[Goal(f"during_{name}", ">=", 0.95) for name in MISBEHAVIOURS[1:]],
        *[Goal(f"after_{name}", ">=", 0.95) for name in MISBEHAVIOURS],
    ),
)
