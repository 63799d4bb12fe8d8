"""The scenarios as data: complete, consistent with their goals, and their configurations well-formed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from bench.cli import settled
from bench.feeder import Report
from bench.machine import ROOT
from bench.measured import Measured
from bench.paths import PathStats, SinkStats
from bench.results import METRICS
from bench.scenario import AsFast, Entrant, Scenario, ShareOf, Steady, quick
from bench.scenarios import SCENARIOS

ALL = list(SCENARIOS.values())
ENTRANTS = [pytest.param(each, id=f"{scenario.name}-{each.name}") for scenario in ALL for each in scenario.entrants]


def fake_run(events: int = 1000) -> Measured:
    paths = {
        f"/ok/{i}": PathStats(requests=2, bytes=1000, first_ns=10**9, last_ns=2 * 10**9, first_bytes=500)
        for i in range(20)
    }
    sink = SinkStats(cpu_s=0.1, paths={**paths, "/ok": paths["/ok/0"]})
    fed = Report(bytes=998, start_ns=10**9)
    return Measured(events=events, seconds=1.0, fed=fed, sink=sink, wall_s=2.0, cpu_s=0.01, rss_mib=64.0, exit_code=0)


def urls(entrant: Entrant) -> Iterator[str]:
    """Where the entrant sends."""
    for each in tomllib.loads(entrant.config).get("destinations", {}).values():
        if each["type"] != "function":
            yield each["settings"]["url"]
    yield from [argument for argument in entrant.arguments if argument.startswith("{sink}")]


def test_the_scenarios_of_the_acceptance_list_are_there() -> None:
    assert list(SCENARIOS) == [
        "pass-through",
        "fan-out",
        "mapped",
        "trigger",
        "single",
        "latency",
        "isolation",
        "stalled",
        "functions",
        "misbehaving",
    ]


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_every_metric_that_is_read_is_described_and_every_goal_is_among_them(scenario: Scenario) -> None:
    metrics = scenario.read({entrant.name: fake_run() for entrant in scenario.entrants})
    assert set(metrics) <= set(METRICS)
    assert {goal.metric for goal in scenario.goals} <= set(metrics)
    assert {goal.sign for goal in scenario.goals} <= {">=", "<="}


@pytest.mark.parametrize(
    "scenario", [one for one in ALL if one.name not in ("isolation", "misbehaving")], ids=lambda scenario: scenario.name
)
def test_memory_has_a_goal_where_throughput_is_measured(scenario: Scenario) -> None:
    assert [goal.bound for goal in scenario.goals if goal.metric == "rss_mib"] == [150]


@pytest.mark.parametrize("entrant", ENTRANTS)
def test_what_must_arrive_is_sent_somewhere(entrant: Entrant) -> None:
    sent_to = {urlsplit(url.replace("{sink}", "http://sink")).path for url in urls(entrant)}
    assert sent_to
    assert set(entrant.whole) <= sent_to


@pytest.mark.parametrize("entrant", ENTRANTS)
def test_a_quick_load_is_small_and_of_the_same_kind(entrant: Entrant) -> None:
    small = quick(entrant.load)
    assert type(small) is type(entrant.load)
    assert settled(small, {"maximum": fake_run()}).events <= 6000


def test_fan_out_has_ten_destinations_and_isolation_twenty() -> None:
    counts = [len(list(urls(entrant))) for name in ("fan-out", "isolation") for entrant in SCENARIOS[name].entrants]
    assert counts == [10, 20, 20, 20, 20]


def test_the_functions_of_scenarios_are_files_of_the_bench() -> None:
    sources = [
        each["source"]
        for scenario in ALL
        for entrant in scenario.entrants
        for kind in ("destinations", "functions")
        for each in tomllib.loads(entrant.config).get(kind, {}).values()
        if "source" in each
    ]
    assert len(sources) == 6
    assert all((ROOT / source.replace("{bench}", "bench")).is_file() for source in sources)


def test_a_share_becomes_a_rate_once_the_maximum_is_known() -> None:
    assert fake_run(2000).events_per_s == pytest.approx(1950, abs=5)
    assert settled(ShareOf("maximum", 0.5, 3.0), {"maximum": fake_run(2000)}) == Steady(976, 3.0)


def test_without_a_maximum_there_is_a_rate_all_the_same() -> None:
    assert settled(ShareOf("maximum", 0.5, 3.0), {}) == Steady(10_000, 3.0)


def test_other_loads_stay_as_they_are() -> None:
    assert settled(AsFast(5), {}) == AsFast(5)


def test_a_steady_load_counts_its_warm_up() -> None:
    assert Steady(2000, 1.5, warmup=100).events == 3100
