"""The record of a run, and what is made of records: files, comparisons, tables. Pure but for the two functions on files."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from .machine import ROOT, Machine
from .scenario import Goal

FOLDER = ROOT / "bench" / "results"


class Metric(NamedTuple):
    """How a figure is shown, and in which direction it is better (None: neither)."""

    title: str
    form: str
    higher_is_better: bool | None


METRICS = {
    "events_per_s": Metric("events/s", ",.0f", True),
    "deliveries_per_s": Metric("deliveries/s", ",.0f", True),
    "of_floor": Metric("of the floor", ".2f", True),
    "of_bare": Metric("of bare aiohttp", ".2f", True),
    "of_by_hand": Metric("of a loop by hand", ".2f", True),
    "mapped_per_s": Metric("mapped, events/s", ",.0f", True),
    "mapped_us": Metric("mapped, µs/event", ".2f", False),
    "by_hand_per_s": Metric("by hand, events/s", ",.0f", None),
    "trigger_us": Metric("trigger, µs/event", ".2f", False),
    "p50_ms": Metric("p50, ms", ".1f", False),
    "p99_ms": Metric("p99, ms", ".1f", False),
    "max_ms": Metric("max, ms", ".1f", False),
    "kept_beside_hang": Metric("kept beside one that hangs", ".3f", True),
    "kept_beside_trickle": Metric("kept beside one that trickles", ".3f", True),
    "kept_beside_error": Metric("kept beside one that answers 500", ".3f", True),
    "cpu_us": Metric("CPU, µs/event (with start)", ".2f", False),
    "of_without": Metric("of the same without", ".2f", True),
    "function_us": Metric("function, µs/event", ".2f", False),
    "insert_us": Metric("insert function, µs/event", ".2f", False),
    "without_cpu_us": Metric("CPU without function, µs/event", ".2f", False),
    "rate_per_s": Metric("fed, events/s", ",.0f", None),
    **{
        f"{when}_{name}": Metric(f"kept {when_shown} a function {name}", ".3f", True)
        for name in ("spins", "blocks", "waits")
        for when, when_shown in (("during", "while"), ("after", "1 s after"))
    },
    "plain_cpu_us": Metric("CPU without trigger, µs/event", ".2f", False),
    "rss_mib": Metric("peak RSS, MiB", ".0f", False),
    "rss_block_mib": Metric("peak RSS, block, MiB", ".0f", False),
    "rss_drop_mib": Metric("peak RSS, drop_newest, MiB", ".0f", False),
    "floor_events_per_s": Metric("the floor, events/s", ",.0f", None),
    "bare_events_per_s": Metric("bare aiohttp, events/s", ",.0f", None),
    "sink_share": Metric("sink busy", ".2f", None),
    "late_ms": Metric("feeder late, ms", ".1f", None),
}


class Verdict(msgspec.Struct, frozen=True):
    """A goal and whether the median met it."""

    metric: str
    sign: str
    bound: float
    met: bool


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a results file: a scenario, run some rounds."""

    scenario: str
    title: str
    date: str
    """UTC, ISO 8601."""
    commit: str
    machine: Machine
    rounds: list[dict[str, float]]
    median: dict[str, float]
    goals: list[Verdict]


class Change(NamedTuple):
    """A metric in two records. `certain`: the ranges of their rounds do not overlap."""

    scenario: str
    metric: str
    before: float
    after: float
    certain: bool

    @property
    def ratio(self) -> float:
        """After by before; 1 if both are 0."""
        if self.before == 0:
            return 1.0 if self.after == 0 else float("inf")
        return self.after / self.before

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or `same`: what does not stand out of the noise is the same."""
        higher = METRICS[self.metric].higher_is_better
        if not self.certain or higher is None:
            return "same"
        return "better" if (self.after > self.before) == higher else "worse"


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The median of each metric. Every round has the same metrics."""
    return {metric: statistics.median([each[metric] for each in rounds]) for metric in rounds[0]}


def judge(goals: Iterable[Goal], median: Mapping[str, float]) -> list[Verdict]:
    """Each goal against the median."""
    return [Verdict(goal.metric, goal.sign, goal.bound, goal.met(median[goal.metric])) for goal in goals]


def newest(records: Iterable[Record]) -> dict[str, Record]:
    """The last record of each scenario, by date."""
    return {record.scenario: record for record in sorted(records, key=lambda record: record.date)}


def compare(before: Mapping[str, Record], after: Mapping[str, Record]) -> list[Change]:
    """What both have, scenario by scenario, metric by metric."""
    changes = []
    for name in [name for name in before if name in after]:
        old, new = before[name], after[name]
        for metric in [metric for metric in METRICS if metric in old.median and metric in new.median]:
            changes.append(Change(name, metric, old.median[metric], new.median[metric], apart(old, new, metric)))
    return changes


def apart(one: Record, other: Record, metric: str) -> bool:
    """Whether the rounds of the two do not overlap in `metric`."""
    first = [each[metric] for each in one.rounds]
    second = [each[metric] for each in other.rounds]
    return max(first) < min(second) or max(second) < min(first)


def append(record: Record, folder: Path = FOLDER) -> Path:
    """Adds the record to the file of its commit."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{record.commit}.jsonl"
    with open(path, "ab") as out:
        out.write(msgspec.json.encode(record) + b"\n")
    return path


def load(name: str, folder: Path = FOLDER) -> list[Record]:
    """The records of a file, or of the commit that begins with `name`. Raises FileNotFoundError."""
    direct = Path(name)
    paths = [direct] if direct.is_file() else sorted(folder.glob(f"{name}*.jsonl"))
    if not paths:
        raise FileNotFoundError(f"no results for {name!r}: neither a file nor a commit in {folder}")
    decoder = msgspec.json.Decoder(Record)
    return [record for path in paths for record in decoder.decode_lines(path.read_bytes())]
