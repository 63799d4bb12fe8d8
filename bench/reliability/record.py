"""What a scenario gives back, and the line it becomes in `bench/results/reliability-COMMIT.jsonl`. Pure but for `append`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench import results
from bench.machine import commit, this_machine
from bench.scenario import Goal

Figures = dict[str, float]

PROMISES = tuple(
    Goal(metric, "<=", 0)
    for metric in ("lost", "invented", "altered", "repeats_unprovoked", "repeats_over_bound", "rejected")
)
"""Of every scenario that has an oracle."""


class Skip(Exception):
    """The scenario cannot be played here, and why."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """`play` is given the settings of the form that is wanted, and returns what it measured."""

    name: str
    title: str
    play: Callable[..., Figures]
    full: msgspec.Struct
    short: msgspec.Struct
    goals: tuple[Goal, ...]
    full_goals: tuple[Goal, ...] = ()
    """Figures that only the full form has, or that mean something there only."""


def judged(scenario: Scenario, figures: Figures, is_short: bool) -> list[results.Verdict]:
    """Each goal of this form against the figures."""
    goals: Sequence[Goal] = scenario.goals if is_short else (*scenario.goals, *scenario.full_goals)
    return results.judge(goals, figures)


def record_of(scenario: Scenario, figures: Figures, is_short: bool) -> results.Record:
    """The line. Its name tells it from the bench's own scenarios."""
    return results.Record(
        scenario=f"reliability/{scenario.name}{'/short' if is_short else ''}",
        title=scenario.title,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit(),
        machine=this_machine(),
        rounds=[figures],
        median=figures,
        goals=judged(scenario, figures, is_short),
    )


def append(record: results.Record, folder: Path = results.FOLDER) -> Path:
    """Adds the line to the file of its commit."""
    folder.mkdir(exist_ok=True)
    path = folder / f"reliability-{record.commit}.jsonl"
    with open(path, "ab") as out:
        out.write(msgspec.json.encode(record) + b"\n")
    return path


def lines(record: results.Record) -> list[str]:
    """For people."""
    text = [f"{record.scenario}: {record.title}"]
    text += [f"  {name:28} {value:>14,.3f}".rstrip("0").rstrip(".") for name, value in record.median.items()]
    for verdict in record.goals:
        text.append(f"  {'met   ' if verdict.met else 'MISSED'} {verdict.metric} {verdict.sign} {verdict.bound:g}")
    return text
