"""The table of metrics: documented, named as Prometheus wants it, bounded in its labels, and the numbers of the summary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doorstep.engine.telemetry import (
    AttemptStatistics,
    Counters,
    Histogram,
    IntakeCounters,
    Lag,
    Observation,
    ProcessStatistics,
    Statistics,
)
from doorstep.engine.telemetry.attempts import Measures
from doorstep.engine.telemetry.metrics import ACTION, DESTINATION, ENGINE
from doorstep.engine.telemetry.prometheus import documentation, exposition
from doorstep.engine.telemetry.report import JournalState, Report

ROWS = (*ENGINE, *DESTINATION, *ACTION)


def a_report() -> Report:
    intake, counters, sizes = IntakeCounters(), Counters(), Histogram()
    intake.accepted, intake.duplicates, intake.rejected = 100, 3, {"not_json": 2}
    counters.offered, counters.pending_before = 100, 5
    counters.count_delivered(90)
    counters.count_filtered("trigger", 4)
    counters.count_dead("http_400")
    counters.classify("made_up", "function")
    counters.count_dead("made_up")
    for again in (True, True, *[False] * 10):
        counters.count_attempt(again=again)
    counters.count_failed("http_503")
    counters.count_delivered(30, "order")
    counters.count_done("order", "delivered", 31)
    counters.count_attempt("order")
    sizes.record(500, 2)
    sizes.record(7)
    statistics = counters.statistics(parked={"": 1}, state="open")
    measures = Measures(sent=500, taken=498, batch_events=sizes.distribution((1.0, 10.0, 500.0, 1000.0)))
    hook = Observation(
        statistics=statistics,
        lag=Lag(8, 61.5),
        attempts=AttemptStatistics(actions={"": measures}),
    )
    return Report(
        statistics=Statistics(
            received=intake.received,
            accepted=intake.accepted,
            duplicates=intake.duplicates,
            rejected=intake.rejected,
            duration_s=2.5,
            destinations={"hook": statistics},
        ),
        destinations={"hook": hook},
        process=ProcessStatistics(rss_bytes=2**20, cpu_s=0.5, loop_lag_ms=2.0),
        journal=JournalState(
            used_bytes=1000,
            max_bytes=2**30,
            waiting_bytes=0,
            commits=7,
            is_full=False,
            oldest=1,
            end=101,
            kept_since=1767225600.0,
            retention_s=86400.0,
        ),
    )


def lines(accept: str = "") -> list[str]:
    return exposition(a_report(), accept)[0].decode().splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "doorstep_received_events_total 105.0",
        'doorstep_rejected_events_total{reason="not_json"} 2.0',
        "doorstep_duplicate_events_total 3.0",
        "doorstep_journal_oldest_timestamp_seconds 1.7672256e+09",
        "doorstep_loop_lag_seconds 0.002",
        'doorstep_offered_events_total{destination="hook"} 100.0',
        'doorstep_delivered_events_total{action="",destination="hook"} 90.0',
        'doorstep_delivered_events_total{action="order",destination="hook"} 30.0',
        'doorstep_action_events_total{action="order",destination="hook",result="delivered"} 31.0',
        'doorstep_receiver_counted_records_total{action="",destination="hook"} 500.0',
        'doorstep_receiver_taken_records_total{action="",destination="hook"} 498.0',
        'doorstep_attempts_total{action="",destination="hook"} 12.0',
        'doorstep_attempts_total{action="order",destination="hook"} 1.0',
        'doorstep_retried_attempts_total{action="",destination="hook"} 2.0',
        'doorstep_filtered_events_total{action="",destination="hook",reason="trigger"} 4.0',
        'doorstep_dead_letter_events_total{action="",class="function",destination="hook",reason="made_up"} 1.0',
        'doorstep_parked_events{action="",destination="hook"} 1.0',
        'doorstep_lag_seconds{destination="hook"} 61.5',
        'doorstep_failed_attempts_total{action="",destination="hook",reason="http_503"} 1.0',
        'doorstep_state{destination="hook",state="open"} 1.0',
        'doorstep_state{destination="hook",state="held"} 0.0',
        'doorstep_batch_events_bucket{action="",destination="hook",le="10"} 1.0',
        'doorstep_batch_events_bucket{action="",destination="hook",le="500"} 3.0',
        'doorstep_batch_events_bucket{action="",destination="hook",le="+Inf"} 3.0',
        'doorstep_batch_events_sum{action="",destination="hook"} 1007.0',
        "# TYPE doorstep_delivered_events_total counter",
    ],
)
def test_prometheus_is_told(line: str) -> None:
    assert line in lines()


def test_what_nobody_knows_is_left_out() -> None:
    assert not [line for line in lines() if line.startswith(("doorstep_limiter_events", "doorstep_newest_"))]
    assert not [line for line in lines() if line.startswith('doorstep_receiver_taken_records_total{action="order"')]


def test_open_metrics_is_spoken_to_whoever_prefers_it() -> None:
    text, content_type = exposition(a_report(), "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")


def test_names_are_as_prometheus_wants_them() -> None:
    names = [row.full_name for row in ROWS]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"doorstep_[a-z]+(_[a-z]+)*", name)] == []
    assert [
        row.name for row in ROWS if row.name.endswith("_total") or (row.kind == "histogram" and "total" in row.name)
    ] == []
    assert [row.full_name for row in ROWS if not row.help.endswith(".")] == []


def test_labels_are_few_and_bounded() -> None:
    assert {label for row in ROWS for label in row.labels} == {"reason", "class", "state", "result"}


def labels_by_sample() -> dict[str, set[str]]:
    """Every name that can be queried, with the labels that it has."""
    found: dict[str, set[str]] = {}
    for rows, whose in ((ENGINE, ()), (DESTINATION, ("destination",)), (ACTION, ("destination", "action"))):
        for row in rows:
            found[row.full_name] = {*whose, *row.labels}
            if row.kind == "histogram":
                found |= {f"{row.name}_{part}": {*whose, *row.labels} for part in ("sum", "count")}
                found[f"{row.name}_bucket"] = {*whose, *row.labels, "le"}
    return found


def test_the_page_about_metrics_names_none_that_there_is_not_and_asks_by_labels_that_there_are(root: Path) -> None:
    page = (root / "docs" / "metrics.md").read_text(encoding="utf-8")
    samples = labels_by_sample()
    assert set(re.findall(r"doorstep_[a-z_]*[a-z]\b(?!_)", page)) - {"doorstep_event_to"} <= set(samples)
    questions = re.findall(r"```promql\n(.*?)```", page, re.DOTALL)
    assert len(questions) == 5
    for question in questions:
        asked = re.findall(r"by \(([a-z, ]+)\) \((?:\w+\()?(doorstep_[a-z_]+)", question)
        assert asked, question
        for labels, name in asked:
            assert set(labels.split(", ")) <= samples[name], (name, labels)


def test_the_page_about_metrics_is_written_from_the_table(root: Path) -> None:
    page = (root / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert page[page.index("## Of the engine") :].rstrip() == documentation()
