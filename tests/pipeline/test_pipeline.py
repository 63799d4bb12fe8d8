"""The pipeline: every line is accepted or rejected, counted once, and sampled at most so often."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest
from doorstep.engine.clock import Clock
from doorstep.engine.errors import Closed
from doorstep.engine.journal import MemoryLog
from doorstep.engine.model import Chunk, LineDecoder, Lines
from doorstep.engine.pipeline import PIECE_BYTES, SAMPLES, Gate, Pipeline, pieces_of
from doorstep.engine.telemetry import IntakeCounters

pytestmark = pytest.mark.anyio
GOOD = b'{"type":"track","userId":"u","event":"E"}'


class Intake:
    """A pipeline into a log that `stored` listens to; `hold` keeps what is stored."""

    def __init__(self, max_bytes: int = 2**20, hold: bool = False) -> None:
        self.stored: list[Chunk] = []
        self.counters = IntakeCounters()
        self.log = MemoryLog(max_bytes, self.stored.append, Clock(utc=lambda: 0.0), "log-1", self.counters)
        self.account = self.log.account("a") if hold else None
        self.pipeline = Pipeline(LineDecoder(max_event_bytes=1000), self.log, self.counters)

    async def submit(self, *lines: bytes, too_large: tuple[int, ...] = ()) -> Any:
        return await self.pipeline.submit(Lines(list(lines), range(1, len(lines) + 1), too_large), "shop")


async def test_good_lines_are_stored_as_they_came_and_numbered() -> None:
    intake = Intake()
    acceptance = await intake.submit(GOOD, GOOD)
    assert (acceptance.accepted, acceptance.rejected, acceptance.first) == (2, [], 1)
    assert (await intake.submit(GOOD)).first == 3
    assert [envelope.line for envelope in intake.stored[0].envelopes] == [GOOD, GOOD]
    assert intake.stored[0].envelopes[0].receipt.source == "shop"


async def test_a_bad_line_stops_none_of_its_neighbours() -> None:
    intake = Intake()
    acceptance = await intake.submit(GOOD, b"not json", GOOD, b"[]", b'{"type":"track"}')
    assert acceptance.accepted == 2
    assert [(one.number, one.reason) for one in acceptance.rejected] == [
        (2, "not_json"),
        (4, "not_object"),
        (5, "no_user_anon_id"),
    ]
    assert (intake.counters.accepted, intake.counters.received) == (2, 5)
    assert intake.counters.rejected == {"not_json": 1, "not_object": 1, "no_user_anon_id": 1}


async def test_lines_that_were_too_large_to_read_are_counted_too() -> None:
    intake = Intake()
    acceptance = await intake.submit(GOOD, too_large=(7, 9))
    assert [(one.number, one.reason) for one in acceptance.rejected] == [(7, "too_large"), (9, "too_large")]
    assert (intake.counters.received, intake.counters.rejected) == (3, {"too_large": 2})


async def test_when_nothing_is_good_nothing_is_stored() -> None:
    intake = Intake()
    acceptance = await intake.submit(b"x")
    assert (acceptance.accepted, acceptance.first, intake.stored) == (0, None, [])


async def test_refusals_are_sampled_with_source_and_line_but_never_with_content(caplog: Any) -> None:
    intake = Intake()
    with caplog.at_level(logging.WARNING, "doorstep.intake"):
        await intake.submit(b'{"secret": "s3cr3t"')
    (record,) = caplog.records
    assert record.getMessage() == "rejected a line"
    assert (record.facts["source"], record.facts["line"], record.facts["reason"]) == ("shop", 1, "not_json")
    assert "s3cr3t" not in str(record.facts)


async def test_of_each_reason_so_many_samples_are_written_and_all_are_counted(caplog: Any) -> None:
    intake = Intake()
    with caplog.at_level(logging.WARNING, "doorstep.intake"):
        for _ in range(5):
            await intake.submit(*[b"x"] * 50, b"[]")
    assert len(caplog.records) == SAMPLES + 5
    assert intake.counters.rejected == {"not_json": 250, "not_object": 5}


async def test_a_submission_waits_for_room_and_counts_only_once_it_is_stored() -> None:
    intake = Intake(max_bytes=1500, hold=True)
    await intake.submit(GOOD)
    async with anyio.create_task_group() as group:
        group.start_soon(intake.submit, GOOD, b"x")
        await anyio.sleep(10)
        assert (intake.counters.accepted, intake.counters.received) == (1, 1)
        assert intake.account is not None
        intake.account.release(intake.stored[0])
    assert (intake.counters.accepted, intake.counters.received) == (2, 3)


async def test_a_submission_given_up_while_it_waits_is_not_counted() -> None:
    intake = Intake(max_bytes=1500, hold=True)
    await intake.submit(GOOD)
    with anyio.move_on_after(10):
        await intake.submit(GOOD, GOOD)
    assert (intake.counters.received, intake.log.end, intake.log.statistics().waiting) == (1, 2, 0)


async def test_after_the_end_nothing_is_accepted() -> None:
    intake = Intake()
    intake.log.close()
    with pytest.raises(Closed):
        await intake.submit(GOOD)
    assert intake.counters.received == 0


def test_what_is_more_than_a_chunk_is_taken_in_pieces_and_nothing_changes_places() -> None:
    lines = [b"x" * size for size in (100_000, 200_000, 56_000, 1, PIECE_BYTES + 1, 5)]
    read = Lines(lines, [1, 2, 4, 5, 6, 8], (3, 7), last=8, allowance=9)
    pieces = list(pieces_of(read))
    assert [[len(line) for line in piece.lines] for piece in pieces] == [
        [100_000],
        [200_000, 56_000, 1],
        [PIECE_BYTES + 1],
        [5],
    ]
    assert [list(piece.numbers) for piece in pieces] == [[1], [2, 4, 5], [6], [8]]
    assert [list(piece.too_large) for piece in pieces] == [[3, 7], [], [], []]
    assert {piece.allowance for piece in pieces} == {9}
    assert pieces[-1].last == 8


def test_what_fits_is_one_piece() -> None:
    read = Lines([b"x" * (PIECE_BYTES // 2)] * 2, [1, 2], last=2)
    assert list(pieces_of(read)) == [read]
    nothing = Lines([], [], (1,), last=1)
    assert list(pieces_of(nothing)) == [nothing]


async def test_several_pieces_are_one_submission() -> None:
    intake = Intake(max_bytes=2**21)
    intake.pipeline = Pipeline(LineDecoder(max_event_bytes=2**20), intake.log, intake.counters)
    long = GOOD[:-1] + b',"properties":{"p":"' + b"x" * 200_000 + b'"}}'
    acceptance = await intake.submit(long, b"no", long, GOOD, too_large=(9,))
    assert (acceptance.accepted, acceptance.first) == (3, 1)
    assert [(one.number, one.reason) for one in acceptance.rejected] == [(9, "too_large"), (2, "not_json")]
    assert [len(chunk.envelopes) for chunk in intake.stored] == [1, 2]


async def test_a_gate_is_shut_until_there_is_a_pipeline() -> None:
    gate, intake = Gate(), Intake()
    read = Lines([GOOD], [1])
    for refused in (gate.submit, gate.accept):
        with pytest.raises(Closed):
            await refused(read, "shop")
    with pytest.raises(Closed):
        assert gate.has_room
    gate.pipeline = intake.pipeline
    assert gate.has_room
    assert (await gate.submit(read, "shop")).accepted == 1
