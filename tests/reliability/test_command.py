"""The command plays what it is asked to, judges and records it, and says when it could not."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

import msgspec
import pytest

from bench import results
from bench.reliability import command, record
from bench.reliability.process import Failed
from bench.reliability.record import Figures, Scenario, Skip
from bench.reliability.scenarios import SCENARIOS
from bench.scenario import Goal


class Form(msgspec.Struct, frozen=True):
    lost: int = 0
    wrong: type[Exception] | None = None


def play(form: Form) -> Figures:
    if form.wrong is not None:
        raise form.wrong("because")
    return {"lost": form.lost, "speed": 5.0}


def scenario(full: Form, short: Form) -> Scenario:
    goals, full_goals = (Goal("lost", "<=", 0),), (Goal("speed", ">=", 10),)
    return Scenario(name="x", title="an x", play=play, full=full, short=short, goals=goals, full_goals=full_goals)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(record.append, "__defaults__", (tmp_path,))
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)  # this process is pytest's
    return tmp_path


def outcome(monkeypatch: pytest.MonkeyPatch, form: Form, *, short: bool = True) -> int:
    monkeypatch.setitem(SCENARIOS, "x", scenario(form, form))
    return command.run(argparse.Namespace(name=["x"], short=short))


def test_a_kept_promise_is_recorded_as_a_line_that_the_bench_can_read(
    monkeypatch: pytest.MonkeyPatch, run: Path
) -> None:
    assert outcome(monkeypatch, Form()) == 0
    (path,) = run.iterdir()
    (line,) = results.load(str(path))
    assert path.name == f"reliability-{line.commit}.jsonl"
    assert (line.scenario, line.median) == ("reliability/x/short", {"lost": 0, "speed": 5.0})
    assert [verdict.met for verdict in line.goals] == [True]


def test_a_broken_promise_is_recorded_and_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(monkeypatch, Form(lost=2)) == 1
    assert "MISSED lost <= 0" in capsys.readouterr().out
    assert len(list(run.iterdir())) == 1


def test_the_full_form_has_goals_of_its_own(monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    assert outcome(monkeypatch, Form(), short=False) == 1


def test_what_cannot_be_played_here_is_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(monkeypatch, Form(wrong=Skip)) == 0
    assert capsys.readouterr().out == "x: skipped: because\n\n"
    assert list(run.iterdir()) == []


def test_an_engine_that_fails_is_no_success(
    monkeypatch: pytest.MonkeyPatch, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(monkeypatch, Form(wrong=Failed)) == 1
    assert capsys.readouterr().out == "x: FAILED: because\n\n"


def test_every_scenario_of_the_issue_is_there() -> None:
    assert list(SCENARIOS) == [
        "kill",
        "restart",
        "isolation",
        "outage",
        "poison",
        "unauthorized",
        "full-disk",
        "sync-order",
        "io-faults",
        "crash-images",
        "bit-rot",
        "dedup",
        "backlog",
        "replay",
        "explain",
        "throughput",
    ]
