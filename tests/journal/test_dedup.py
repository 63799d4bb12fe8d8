"""Repeats by `messageId`: taken once, acknowledged always, across restarts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import pytest
from doorstep.engine.clock import Clock
from doorstep.engine.journal import DiskLog, open_disk_log
from doorstep.engine.journal.dedup import DedupWindow
from doorstep.engine.model import Chunk, Decoded, LineDecoder, Lines
from doorstep.engine.telemetry import IntakeCounters

pytestmark = pytest.mark.anyio
HOUR = 3600.0


class Life:
    """One life of a journal in which the source `web` recognises repeats for an hour."""

    def __init__(self, folder: Path, max_keys: int = 1000) -> None:
        self.stored: list[Chunk] = []
        self.counters = IntakeCounters()
        self.clock = Clock(utc=anyio.current_time)
        self.folder, self.windows = folder, {"web": DedupWindow(HOUR, max_keys)}

    def open(self) -> AbstractAsyncContextManager[DiskLog]:
        return open_disk_log(
            self.folder,
            on_stored=self.stored.append,
            clock=self.clock,
            counters=self.counters,
            dedup=self.windows,
            threads=False,
        )

    @property
    def ids(self) -> list[str | None]:
        return [envelope.event.messageId for chunk in self.stored for envelope in chunk.envelopes]


def events(*ids: str | None) -> Decoded:
    lines = [
        b'{"type":"track","userId":"u","event":"E"%s}' % (b"" if one is None else b',"messageId":"%s"' % one.encode())
        for one in ids
    ]
    return LineDecoder().decode(Lines(lines, range(1, len(lines) + 1)))


@pytest.fixture
def life(tmp_path: Path) -> Callable[..., Life]:
    return lambda **options: Life(tmp_path / "data", **options)


async def test_the_first_of_each_message_id_is_stored_and_every_repeat_is_acknowledged_and_counted(life):
    one = life()
    async with one.open() as log:
        first = await log.take(events("a", "b", "a", None), "web")
        assert (await first.stored(), first.duplicates) == (1, 1)
        again = await log.take(events("b", None, "c"), "web")
        assert (await again.stored(), again.duplicates) == (4, 1)
        only = await log.take(events("a", "c"), "web")
        assert (await only.stored(), only.duplicates) == (None, 2)
    assert one.ids == ["a", "b", None, None, "c"]
    assert (one.counters.accepted, one.counters.duplicates) == (5, 4)


async def test_another_source_does_not_ask(life):
    one = life()
    async with one.open() as log:
        for source in ("web", "shop", "shop"):
            await (await log.take(events("a"), source)).stored()
    assert one.ids == ["a", "a", "a"]


async def test_what_was_seen_is_known_after_a_restart_until_the_window_has_passed(life):
    for expected in (["a", "b"], []):
        one = life()
        async with one.open() as log:
            await (await log.take(events("a", "b"), "web")).stored()
        assert one.ids == expected
    await anyio.sleep(HOUR * 1.1)
    late = life()
    async with late.open() as log:
        await (await log.take(events("a"), "web")).stored()
    assert late.ids == ["a"]


async def test_of_sixty_four_at_once_one_is_stored_and_none_is_acknowledged_before_it_is(life):
    one = life()
    acknowledged: list[int] = []

    async def submit(log: DiskLog) -> None:
        await (await log.take(events("a"), "web")).stored()
        acknowledged.append(len(one.ids))

    async with one.open() as log, anyio.create_task_group() as group:
        for _ in range(64):
            group.start_soon(submit, log)
    assert one.ids == ["a"]
    assert acknowledged == [1] * 64
    assert (one.counters.accepted, one.counters.duplicates) == (1, 63)


async def test_whoever_gives_up_while_waiting_for_room_leaves_no_key_behind(life, monkeypatch):
    one = life()
    async with one.open() as log:
        log.hold(True)
        with anyio.move_on_after(5):
            await log.take(events("a"), "web")
        log.hold(False)
        await (await log.take(events("a"), "web")).stored()
    assert one.ids == ["a"]


async def test_digests_go_when_their_window_has_passed_though_their_events_stay(life):
    one = life()
    async with one.open() as log:
        log.account("hook")
        await (await log.take(events("a"), "web")).stored()
        await anyio.sleep(HOUR + 120)
        store = log.parts[0]
        assert store.work(lambda connection: connection.execute("SELECT count(*) FROM digests").fetchall()) == [(0,)]
        assert store.work(lambda connection: connection.execute("SELECT count(*) FROM chunks").fetchall()) == [(1,)]
