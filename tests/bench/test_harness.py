"""The harness around the yardstick: what runs is measured, what fails or loses something is void."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from bench import hotpath
from bench.feeder import Report
from bench.harness import Void, bench, check, cores, environment, last_json, reap, roomy, tail
from bench.measured import Measured
from bench.paths import PathStats, SinkStats
from bench.scenario import AsFast, Entrant

FLOOR = Entrant(name="floor", arguments=("-m", "bench.floor", "{sink}/ok?count=1"), load=AsFast(2000))


def test_a_run_of_the_floor_is_measured_from_outside_and_agrees_with_what_the_floor_says() -> None:
    with bench() as stand:
        run = stand.measure(FLOOR, AsFast(2000))
    assert run.said["events"] == run.events == 2000
    assert run.path("/ok").events == run.said["sent"]
    assert run.path("/ok").requests == run.said["requests"] == 4
    assert 0.9 < run.arrived("/ok", 1) < 1.0
    assert run.events_per_s > 0
    assert run.rss_mib > 10
    assert 0 < run.cpu_s < 60


def test_a_run_that_fails_is_void_and_shows_why() -> None:
    failing = Entrant(name="x", arguments=("-c", "import sys; sys.exit('no such thing')"), load=AsFast(10))
    with bench() as stand, pytest.raises(Void, match="exit code 1\nno such thing"):
        stand.measure(failing, AsFast(10))


def test_an_engine_is_not_compiled_anew_at_each_start_whatever_this_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("SOMETHING_ELSE", "kept")
    assert "PYTHONDONTWRITEBYTECODE" not in environment()
    assert environment()["SOMETHING_ELSE"] == "kept"


def outcome(size: int) -> Measured:
    path = PathStats(requests=1, bytes=size, first_ns=1, last_ns=1, first_bytes=size)
    sink = SinkStats(cpu_s=0.0, paths={"/ok": path} if size else {})
    return Measured(events=1, fed=Report(bytes=8, start_ns=0), sink=sink, wall_s=1, cpu_s=1, rss_mib=1, exit_code=0)


@pytest.mark.parametrize("size", [8, 10, 17])
def test_a_run_that_lost_or_repeated_something_is_void(size: int) -> None:
    whole = Entrant(name="x", arguments=(), load=AsFast(1), whole=("/ok",))
    with pytest.raises(Void, match="not every event arrived exactly once"):
        check(whole, outcome(size))


@pytest.mark.parametrize("said", [{}, {"destinations": {"f": {"delivered": 0}}}])
def test_a_run_in_which_a_function_did_not_handle_every_event_is_void(said: dict[str, Any]) -> None:
    handled = Entrant(name="x", arguments=(), load=AsFast(1), handled=("f",))
    check(handled, msgspec.structs.replace(outcome(9), said={"destinations": {"f": {"delivered": 1}}}))
    with pytest.raises(Void, match="not every event was handled"):
        check(handled, msgspec.structs.replace(outcome(9), said=said))


def test_a_run_in_which_nothing_arrived_is_void() -> None:
    with pytest.raises(Void, match="nothing arrived"):
        check(FLOOR, outcome(0))


def test_a_run_in_which_all_arrived_is_sound() -> None:
    check(Entrant(name="x", arguments=(), load=AsFast(1), whole=("/ok",)), outcome(9))


def test_a_process_that_does_not_end_is_killed() -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    code, usage = reap(sleeper, 0.05)
    assert code == -9
    assert usage.ru_maxrss > 0


@pytest.mark.parametrize(("count", "room"), [(1, 1), (5000, 8192), (8192, 8192), (8193, 16384)])
def test_steady_loads_share_files(count: int, room: int) -> None:
    assert roomy(count) == room


def test_the_engine_has_a_core_of_its_own_where_there_are_two() -> None:
    engine, other = cores()
    assert (engine == other) == (len(os.sched_getaffinity(0)) == 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'noise\n{"received": 3}\n', {"received": 3}),
        (b"", {}),
        (b"noise\n", {}),
        (b"[1]\n", {}),
        (b'{"received": 3}\nnoise\n', {"received": 3}),
    ],
)
def test_the_summary_is_the_last_line_that_is_an_object(text: bytes, said: dict[str, int]) -> None:
    assert last_json(io.BytesIO(text)) == said


def test_only_the_end_of_a_long_complaint_is_shown() -> None:
    assert tail(io.BytesIO(b"a" * 10 + b"end"), limit=4) == "aend"


def test_stacks_are_summed_by_function_itself_and_below() -> None:
    stacks = ["main;read 1", "main;decode 6", "main;send;encode 2", "main;decode 1"]
    assert hotpath.hottest(stacks, 3) == [
        "  self   total  function",
        " 70.0%   70.0%  decode",
        " 20.0%   20.0%  encode",
        " 10.0%   10.0%  read",
    ]


def test_the_import_of_modules_is_left_out() -> None:
    stacks = ["main;_find_and_load (<frozen importlib._bootstrap>:1176);compile 100", "main;work 1"]
    assert hotpath.hottest(stacks, 5) == ["  self   total  function", "100.0%  100.0%  work"]


def test_recursion_is_counted_once_below() -> None:
    assert hotpath.hottest(["walk;walk;walk 4", "main 4"], 1)[1] == " 50.0%   50.0%  walk"
