"""Records as text: for the terminal, for the README. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from .results import METRICS, Change, Record, Verdict

_NUMBER = re.compile(r"-?[\d,.]+")


def shown(metric: str, value: float) -> str:
    """`value` as a person reads it."""
    return format(value, METRICS[metric].form)


def goal_text(verdict: Verdict) -> str:
    """`at least 0.65`."""
    word = "at least" if verdict.sign == ">=" else "at most"
    return f"{word} {verdict.bound:,g}"


def record_lines(record: Record) -> list[str]:
    """The record for the terminal: a metric a line, its range, its goal."""
    goals = {verdict.metric: verdict for verdict in record.goals}
    rows = []
    for metric in [metric for metric in METRICS if metric in record.median]:
        values = [each[metric] for each in record.rounds]
        spread = f"{shown(metric, min(values))} .. {shown(metric, max(values))}"
        rows.append(
            [METRICS[metric].title, shown(metric, record.median[metric]), spread, *_goal_cells(goals.get(metric))]
        )
    return [f"{record.scenario}: {record.title}", *aligned(rows)]


def _goal_cells(verdict: Verdict | None) -> list[str]:
    if verdict is None:
        return ["", ""]
    return [goal_text(verdict), "pass" if verdict.met else "FAIL"]


def change_lines(changes: Iterable[Change]) -> list[str]:
    """Two sets of records side by side."""
    return aligned(
        [["scenario", "metric", "before", "after", "ratio", ""], *[_change_cells(change) for change in changes]]
    )


def _change_cells(change: Change) -> list[str]:
    before, after = shown(change.metric, change.before), shown(change.metric, change.after)
    return [change.scenario, METRICS[change.metric].title, before, after, f"{change.ratio:.2f}", change.verdict]


def markdown(records: Mapping[str, Record]) -> list[str]:
    """The goals of each scenario as a Markdown table, and on what machine they were measured."""
    lines = ["| scenario | what | measured | goal | |", "|---|---|---:|---:|---|"]
    for record in records.values():
        for verdict in record.goals:
            value = shown(verdict.metric, record.median[verdict.metric])
            cells = [
                record.scenario,
                METRICS[verdict.metric].title,
                value,
                goal_text(verdict),
                "met" if verdict.met else "missed",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", *_origins(records.values())]


def _origins(records: Iterable[Record]) -> list[str]:
    """Where the figures come from, once each."""
    origins = []
    for record in records:
        machine = record.machine
        origins.append(
            f"Medians of {len(record.rounds)} runs of commit {record.commit}, the engine on one core of {machine.cpu} "
            f"({machine.cores} cores, Linux {machine.kernel}, Python {machine.python}), feeder and sink on another."
        )
    return list(dict.fromkeys(origins))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length as columns: the first to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(_cell(text, width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cell(text: str, width: int) -> str:
    return text.rjust(width) if _NUMBER.fullmatch(text) else text.ljust(width)
