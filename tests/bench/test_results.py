"""A record is one line that says where it comes from; two records differ only where their rounds do not overlap."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from bench.machine import Machine, commit, this_machine
from bench.results import FOLDER, Change, Record, Verdict, append, compare, judge, load, medians, newest
from bench.scenario import Goal
from bench.tables import aligned, change_lines, markdown, record_lines

MACHINE = Machine(cpu="Some CPU", cores=2, kernel="6.1", python="3.11.7")


def record(
    rates: list[float], *, scenario: str = "pass-through", date: str = "2026-01-01T00:00:00+00:00", commit: str = "abc"
) -> Record:
    rounds = [{"events_per_s": rate, "rss_mib": 50.0} for rate in rates]
    median = medians(rounds)
    goals = judge([Goal("events_per_s", ">=", 200_000)], median)
    return Record(
        scenario=scenario,
        title="a title",
        date=date,
        commit=commit,
        machine=MACHINE,
        rounds=rounds,
        median=median,
        goals=goals,
    )


def test_the_median_is_taken_metric_by_metric() -> None:
    rounds = [{"p50_ms": 1.0, "p99_ms": 9.0}, {"p50_ms": 3.0, "p99_ms": 7.0}, {"p50_ms": 2.0, "p99_ms": 8.0}]
    assert medians(rounds) == {"p50_ms": 2.0, "p99_ms": 8.0}


@pytest.mark.parametrize(
    ("sign", "value", "met"), [(">=", 5.0, True), (">=", 4.9, False), ("<=", 5.0, True), ("<=", 5.1, False)]
)
def test_a_goal_includes_its_bound(sign: str, value: float, met: bool) -> None:
    assert judge([Goal("p50_ms", sign, 5.0)], {"p50_ms": value}) == [Verdict("p50_ms", sign, 5.0, met)]


def test_a_record_is_one_line_of_json_with_commit_machine_and_date(tmp_path: Path) -> None:
    path = append(record([210_000.0]), tmp_path)
    assert path == tmp_path / "abc.jsonl"
    lines = path.read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "scenario": "pass-through",
            "title": "a title",
            "date": "2026-01-01T00:00:00+00:00",
            "commit": "abc",
            "machine": {"cpu": "Some CPU", "cores": 2, "kernel": "6.1", "python": "3.11.7"},
            "rounds": [{"events_per_s": 210000.0, "rss_mib": 50.0}],
            "median": {"events_per_s": 210000.0, "rss_mib": 50.0},
            "goals": [{"metric": "events_per_s", "sign": ">=", "bound": 200000.0, "met": True}],
        }
    ]


def test_records_are_appended_and_read_back_by_commit_or_by_file(tmp_path: Path) -> None:
    first, second = record([1.0], commit="abc"), record([2.0], commit="abc")
    append(first, tmp_path)
    path = append(second, tmp_path)
    append(record([3.0], commit="def"), tmp_path)
    assert load("ab", tmp_path) == [first, second]
    assert load(str(path), tmp_path) == [first, second]


@pytest.mark.skipif(not FOLDER.exists(), reason="an sdist has no records")
def test_every_record_that_is_kept_can_be_read() -> None:
    """`python -m bench table` reads them all: one with a truth value for a figure made it end."""
    kept = load("")
    assert {"pass-through", "reliability/kill", "reliability/isolation"} <= {record.scenario for record in kept}


def test_an_unknown_commit_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="'feed'"):
        load("feed", tmp_path)


def test_the_newest_record_of_each_scenario_counts() -> None:
    old, new = record([1.0], date="2026-01-01T00:00:00+00:00"), record([2.0], date="2026-01-02T00:00:00+00:00")
    other = record([3.0], scenario="fan-out")
    assert newest([new, old, other]) == {"pass-through": new, "fan-out": other}


def test_rounds_that_do_not_overlap_are_a_change_and_others_are_noise() -> None:
    before, faster, alike = record([100.0, 110.0]), record([120.0, 130.0]), record([105.0, 130.0])
    [sure, _] = compare({"x": before}, {"x": faster})
    [unsure, _] = compare({"x": before}, {"x": alike})
    assert (sure.before, sure.after, sure.certain, sure.verdict) == (105.0, 125.0, True, "better")
    assert sure.ratio == pytest.approx(1.190, abs=0.001)
    assert (unsure.certain, unsure.verdict) == (False, "same")


def test_more_is_better_or_worse_depending_on_the_metric() -> None:
    assert Change("x", "events_per_s", 2.0, 1.0, certain=True).verdict == "worse"
    assert Change("x", "rss_mib", 2.0, 1.0, certain=True).verdict == "better"
    assert Change("x", "sink_share", 2.0, 1.0, certain=True).verdict == "same"


def test_scenarios_that_only_one_side_has_are_left_out() -> None:
    assert compare({"x": record([1.0])}, {"y": record([1.0])}) == []


def test_a_ratio_to_nothing_is_no_division_by_zero() -> None:
    assert Change("x", "p50_ms", 0.0, 0.0, certain=False).ratio == 1.0
    assert Change("x", "p50_ms", 0.0, 1.0, certain=True).ratio == float("inf")


def test_the_terminal_shows_median_range_goal_and_verdict() -> None:
    assert record_lines(record([190_000.0, 150_000.0, 210_000.0])) == [
        "pass-through: a title",
        "events/s       190,000  150,000 .. 210,000  at least 200,000  FAIL",
        "peak RSS, MiB       50  50 .. 50",
    ]


def test_the_comparison_shows_both_sides() -> None:
    assert change_lines([Change("x", "events_per_s", 1000.0, 2000.0, certain=True)]) == [
        "scenario  metric    before  after  ratio",
        "x         events/s   1,000  2,000   2.00  better",
    ]


def test_the_readme_table_is_markdown_with_its_origin() -> None:
    assert markdown({"pass-through": record([210_000.0])}) == [
        "| scenario | what | measured | goal | |",
        "|---|---|---:|---:|---|",
        "| pass-through | events/s | 210,000 | at least 200,000 | met |",
        "",
        (
            "Medians of 1 runs of commit abc, the engine on one core of Some CPU (2 cores, Linux 6.1, Python 3.11.7), "
            "feeder and sink on another."
        ),
    ]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert aligned([["a", "1"], ["bbb", "22"]]) == ["a     1", "bbb  22"]


def test_this_machine_and_commit_can_be_named() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.cpu
    assert commit()
    assert msgspec.json.decode(msgspec.json.encode(machine), type=Machine) == machine
