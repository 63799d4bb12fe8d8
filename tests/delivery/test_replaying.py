"""Replays of a fleet on a journal on disk: whatever the disk and the clock do meanwhile, they go on, and so does everything else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from doorstep.engine.clock import Clock
from doorstep.engine.delivery.desk import RunningDesk
from doorstep.engine.delivery.replaying import AHEAD, TRIES
from doorstep.engine.errors import JournalError, JournalFull
from doorstep.engine.journal import folder as folder_module
from doorstep.engine.journal import open_disk_log
from doorstep.engine.journal.desk import LetterQuery, Replay
from doorstep.engine.journal.local_desk import LocalDesk
from doorstep.engine.journal.store import Store
from doorstep.engine.routing.table import Route
from doorstep.engine.telemetry import IntakeCounters

pytestmark = pytest.mark.anyio


@pytest.fixture
def life(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`async with life() as w:` is one life of an engine whose `w.desk` takes replays; `w.wall[0]` is how far its wall clock is off."""
    monkeypatch.setattr(folder_module, "BALLAST_BYTES", 4096)

    @asynccontextmanager
    async def make() -> AsyncIterator[Any]:
        async with world() as w:
            w.wall = [1_700_000_000.0]
            w.clock = w.fleet._clock = Clock(utc=lambda: anyio.current_time() + w.wall[0])
            opening = open_disk_log(
                tmp_path, on_stored=w.fleet.offer, clock=w.clock, counters=IntakeCounters(), threads=False
            )
            async with opening as w.log:
                w.desk = RunningDesk(w.log, w.fleet, w.clock, "segment", lambda: list(w.plans))
                w.fleet.attend(w.desk.replayer.run)
                yield w
                await w.fleet.stop(60)

    return make


async def replay(w: Any, rate: float | None = None) -> None:
    """Of all that is in the journal, to `a`."""
    await w.desk.replay(Replay(destination="a", kind="journal", query=LetterQuery(), rate=rate))


async def test_on_a_full_disk_a_replay_waits_for_room_and_everything_else_goes_on(
    life: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, real = [False], Store.work

    def work(store: Store, job: Callable[[Any], Any]) -> Any:
        if full[0]:
            raise JournalFull("the disk is full")
        return real(store, job)

    monkeypatch.setattr(Store, "work", work)
    async with life() as w:
        hook = receiver()
        w.plan("a", hook)
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(1)
        await replay(w)
        full[0] = True
        await anyio.sleep(5)
        await w.feed(1)
        await anyio.sleep(1)
        assert hook.seen.total() == 11, "nothing was replayed, and what comes is delivered"
        full[0] = False
        await anyio.sleep(2)
    assert hook.seen == {**dict.fromkeys(range(1, 11), 2), 11: 1}


async def test_a_look_for_replays_that_fails_is_taken_again(life: Any, receiver: Any, caplog: Any) -> None:
    failing, real = [False], RunningDesk.replays

    async def replays(desk: RunningDesk) -> list[Replay]:
        if failing[0]:
            raise JournalError("the journal's disk failed: disk I/O error")
        return await real(desk)

    async with life() as w:
        w.desk.replays = partial(replays, w.desk)
        hook = receiver()
        w.plan("a", hook)
        w.reconcile()
        await w.feed(10)
        failing[0] = True
        await anyio.sleep(1.5)
        failing[0] = False
        await replay(w)
        await anyio.sleep(1)
    assert hook.seen == dict.fromkeys(range(1, 11), 2)
    said = [record.facts["count"] for record in caplog.records if "could not be looked at" in record.getMessage()]
    assert said == [1]


@pytest.mark.parametrize(("failures", "is_done"), [(TRIES - 1, True), (TRIES, False)])
async def test_a_step_that_the_disk_fails_is_tried_again_and_a_replay_that_cannot_go_on_is_said_once(
    life: Any, receiver: Any, caplog: Any, failures: int, is_done: bool
) -> None:
    left, real = [failures], RunningDesk.step

    async def step(desk: RunningDesk, *arguments: Any, **options: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise JournalError("the journal's disk failed: disk I/O error")
        return await real(desk, *arguments, **options)

    async with life() as w:
        w.desk.step = partial(step, w.desk)
        hook = receiver()
        w.plan("a", hook)
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(1)
        await replay(w)
        await anyio.sleep(TRIES * 1.5)
        assert (await w.desk.replays() == []) is is_done
    assert hook.seen == dict.fromkeys(range(1, 11), 2 if is_done else 1)
    said = [record for record in caplog.records if "a replay cannot go on" in record.getMessage()]
    assert len(said) == (not is_done)


async def test_a_damaged_replay_is_said_once_and_holds_up_no_other(life: Any, receiver: Any, caplog: Any) -> None:
    async with life() as w:
        hook = receiver()
        w.plan("a", hook)
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(1)
        w.fleet.state_of("a").parked.replays = AHEAD  # no room for any yet
        for _ in range(2):
            await replay(w)
        w.log.parts[0].work(lambda c: c.execute("UPDATE replays SET row = x'00' WHERE id = 1"))
        w.fleet.state_of("a").parked.replays = 0
        await anyio.sleep(2)
        assert await w.desk.replays() == []
    assert hook.seen == dict.fromkeys(range(1, 11), 2)
    said = [record.facts for record in caplog.records if "a replay is damaged" in record.getMessage()]
    assert said == [{"destination": "a", "replay": 1}]


async def test_a_replay_to_a_destination_that_is_disabled_waits_until_it_is_enabled_again_and_a_new_one_is_refused(
    life: Any, receiver: Any
) -> None:
    async with life() as w:
        hook = receiver()
        enabled = w.plan("a", hook)
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(1)
        w.fleet.state_of("a").parked.replays = AHEAD  # no room for any yet
        await replay(w)
        w.plan("a", hook, version="2", route=Route(name="a", integration="Hook", enabled=False))
        w.reconcile()
        w.fleet.state_of("a").parked.replays = 0
        await anyio.sleep(2)
        assert len(await w.desk.replays()) == 1
        with pytest.raises(ValueError, match="a is disabled: set `enabled = true` and reload first"):
            await replay(w)
        await w.fleet.drain(5)
        w.plans["a"] = enabled
        w.reconcile()
        await anyio.sleep(2)
    assert hook.seen == dict.fromkeys(range(1, 11), 2)


@pytest.mark.parametrize("jump_s", [-3600.0, -2.0, 3600.0])
async def test_a_replay_keeps_its_rate_whatever_the_wall_clock_does(life: Any, receiver: Any, jump_s: float) -> None:
    async with life() as w:
        hook = receiver()
        w.plan("a", hook)
        w.reconcile()
        await w.feed(100)
        await anyio.sleep(1)
        began = anyio.current_time()
        await replay(w, rate=10.0)
        await anyio.sleep(3)
        w.wall[0] += jump_s
        await anyio.sleep(3)
        assert 55 <= hook.seen.total() - 100 <= 65
        while hook.seen.total() < 200:
            await anyio.sleep(0.1)
        assert anyio.current_time() - began == pytest.approx(10, abs=0.5)


@pytest.mark.parametrize("back_after_s", [0.0, 2.0])
async def test_a_destination_that_goes_while_its_replay_is_moved_gets_it_when_it_is_back(
    life: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch, back_after_s: float
) -> None:
    real = LocalDesk.step

    async def step(desk: LocalDesk, *arguments: Any, **options: Any) -> Any:
        stepped = await real(desk, *arguments, **options)
        moved.set()
        await anyio.sleep(1)
        return stepped

    async with life() as w:
        moved = anyio.Event()
        monkeypatch.setattr(LocalDesk, "step", step)
        hook = receiver()
        w.plan("a", hook)
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(1)
        await replay(w)
        await moved.wait()
        plan = w.plans.pop("a")
        w.reconcile()
        await anyio.sleep(back_after_s)
        w.plans["a"] = plan
        w.reconcile()
        await anyio.sleep(5)
        assert hook.seen == dict.fromkeys(range(1, 11), 2)
        s = w.statistics("a")
        assert (s.pending, s.parked, await w.desk.parked("a")) == (0, 0, [])


async def test_a_destination_that_is_removed_while_a_replay_to_it_is_read_ends_nothing_else(
    life: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with life() as w:
        w.plan("a", receiver())
        w.plan("b", receiver())
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(1)
        real = LocalDesk.step

        async def step(desk: LocalDesk, replay: Replay, **how: Any) -> Any:
            w.plans.pop("a", None)
            w.reconcile()
            return await real(desk, replay, **how)

        monkeypatch.setattr(LocalDesk, "step", step)
        await replay(w)
        await anyio.sleep(1)
        await w.feed(1)
        await anyio.sleep(1)
        assert (w.statistics("a").state, w.statistics("b").delivered) == ("removed", 11)


async def test_a_step_that_fails_as_nobody_foresaw_ends_that_replay_alone(
    life: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def step(desk: LocalDesk, replay: Replay, **how: Any) -> Any:
        return 1 / 0

    async with life() as w:
        w.plan("a", receiver())
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(1)
        with monkeypatch.context() as broken:
            broken.setattr(LocalDesk, "step", step)
            await replay(w)
            await anyio.sleep(5)
        await replay(w)
        await anyio.sleep(1)
        assert w.statistics("a").delivered == 20, "the second one goes on"
    said = [record for record in caplog.records if record.message == "a replay cannot go on"]
    assert [record.exc_info[0] for record in said if record.exc_info] == [ZeroDivisionError]
