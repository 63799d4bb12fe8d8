"""What is started on a stage is ended with it, and the figures that scenarios read off are right."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from array import array
from pathlib import Path

import pytest

from bench.harness import bench
from bench.reliability.arrivals import Arrivals, Arrived
from bench.reliability.behaviour import Behaviour
from bench.reliability.clients import ack_latencies_ns
from bench.reliability.facts import Seen
from bench.reliability.flow import flow
from bench.reliability.process import Failed
from bench.reliability.scenarios.common import in_order, latencies_ns, p_ms
from bench.reliability.scenarios.dedup import repeating
from bench.reliability.scenarios.outage import recovery
from bench.reliability.settings import Engine, Hook
from bench.reliability.stage import Stage, stage

S = 1_000_000_000
MEMORY = Engine(durability="memory")


def arrived(*requests: tuple[float, list[int]]) -> Arrived:
    """Requests as (seconds, ids)."""
    arrivals = Arrivals()
    for at_s, ids in requests:
        arrivals.take(Seen(ids), b"", round(at_s * S))
    return arrivals.arrived()


def test_a_scenario_that_breaks_off_leaves_nothing_running() -> None:
    pids: list[int] = []
    with pytest.raises(ZeroDivisionError):
        break_off(pids)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def break_off(pids: list[int]) -> None:
    with stage(MEMORY, [Hook(name="one")]) as play:
        play.doorstep.start()
        play.ready(play.produce(1000))
        pids.append(play.doorstep.pid)
        raise ZeroDivisionError


def test_an_engine_that_does_not_start_fails_with_what_it_said() -> None:
    with stage(Engine(durability="memory", lines=("nonsense = 1",)), [Hook(name="one")]) as play:
        play.doorstep.start()
        with pytest.raises(Failed, match=r"it ended by itself(.|\n)*nonsense"):
            play.ready(play.produce(1000))


def test_many_clients_get_an_ack_for_every_event() -> None:
    with stage(MEMORY, [Hook(name="one")]) as play:
        play.doorstep.start()
        play.until(lambda: play.doorstep.address() is not None, 10, "where it listens")
        address = play.doorstep.address()
        assert address is not None
        waits = ack_latencies_ns(play.facts, play.ledger, address, clients=20, rate=2000, seconds=0.2)
        play.drained()
        assert len(waits.acks_ns) == play.ledger.acked_count == 400
        assert min(waits.acks_ns) > 0
        assert play.accounts()["one"].sound


def test_a_flow_counts_what_the_yardstick_lets_through() -> None:
    with bench() as stand:
        run = flow(stand, ["-m", "bench.floor", f"{stand.sink}/ok?count=1"], events=2000, pinned=True, whole=False)
    assert run.events == 2000
    assert run.per_s > 0
    assert 0 < run.cpu_us < 10_000


def test_pouring_for_a_time_means_whole_rounds_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"a line\n" * 3)
    command = [sys.executable, "-m", "bench.reliability.pour", str(path), "0.05"]
    done = subprocess.run(command, capture_output=True, timeout=30, check=True)
    assert int(done.stderr) > 1
    assert done.stdout == b"a line\n" * 3 * int(done.stderr)


@pytest.mark.parametrize(
    ("requests", "ordered"),
    [
        ([(1, [0, 1]), (2, [2, 5])], True),
        ([(1, [0, 1]), (2, [1, 2])], False),
        ([(1, [1, 0])], False),
        ([(1, [2]), (2, [1])], False),
    ],
)
def test_order_means_that_ids_only_go_up(requests: list[tuple[float, list[int]]], ordered: bool) -> None:
    assert in_order(arrived(*requests)) is ordered


class Producer:
    """As far as latencies ask."""

    start_ns = 1 * S


def test_a_latency_is_from_when_an_event_was_due() -> None:
    story = arrived((1.5, [0, 1]), (3.0, [2]), (9.0, [3]))
    waits = latencies_ns(story, Producer(), 2, 1 * S, 2 * S + S // 2)  # type: ignore[arg-type]  # due at 1.0 1.5 2.0 2.5
    assert waits.tolist() == [S // 2, 0, 1 * S]


def test_a_percentile_is_in_milliseconds() -> None:
    assert p_ms(array("q", [3_000_000, 1_000_000, 2_000_000]), 0.5) == 2.0


def test_recovery_counts_from_the_heal_and_sees_a_flap() -> None:
    story = arrived((0.5, [0]), (1.5, [1, 2]), (1.6, [3]), (2.1, [4]), (2.5, [5]))
    assert recovery(story, 1 * S, 3 * S, 2) == {
        "recovered_s": 0.5,
        "drain_per_s": 5 / 1.5,
        "drain_ratio": 5 / 1.5 / 2,
        "flaps": 2,
        "requests_refused": 0,
    }


def test_three_lines_in_ten_of_the_dedup_scenario_are_repeats() -> None:
    ids = list(repeating(10_000, 0.3, random.Random(1)))
    assert len(ids) == 10_000
    assert 6800 < len(set(ids)) < 7200
    assert set(ids) == set(range(len(set(ids))))


def test_a_dead_letter_is_told_from_a_loss_at_the_destination_it_is_of() -> None:
    with stage(MEMORY, [Hook(name="one"), Hook(name="picky")]) as play:
        refuse_one(play)
        assert play.accounts({"picky": [7]})["picky"].sound
        assert play.accounts({"one": [7]})["picky"].lost == 1
        assert play.accounts()["one"].sound


def refuse_one(play: Stage) -> None:
    play.receiver.behave("picky", Behaviour(kind="picky", every=1000, rest=7))
    play.doorstep.start()
    play.exhausted(play.produce(ids=iter(range(20))))
    play.settle()
    play.drained(["one"])
    play.drained(["picky"], without=1)


@pytest.mark.usefixtures("disk")
def test_a_repeat_is_laid_to_its_kill_however_late_the_receiver_hears_what_the_dead_engine_had_sent() -> None:
    with stage(Engine(), [Hook(name="one")]) as play:
        play.doorstep.start()
        producer = play.produce(5000)
        play.ready(producer)
        play.until(lambda: play.receiver.counts("one")[0].events > 0, 10, "the first delivery")
        killed_with_requests_unheard(play, deaf_s=1.0)
        play.ready(producer)
        play.settle()
        play.drained()
        account = play.accounts()["one"]
    assert account.sound, account
    assert account.repeats.provoked > 0


def killed_with_requests_unheard(play: Stage, deaf_s: float) -> None:
    """The receiver stands still from before the kill until the next engine would long have been started, were it not waited for."""
    os.kill(play.receiver.pid, signal.SIGSTOP)
    time.sleep(0.2)  # real processes: within this time the engine has sent all that may be under way
    hears_again = threading.Timer(deaf_s, os.kill, [play.receiver.pid, signal.SIGCONT])
    hears_again.start()
    play.kill()
    hears_again.join()
