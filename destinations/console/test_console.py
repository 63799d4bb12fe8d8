"""The console beyond what every sink has to pass: pipes whose reader is slow, gone, or not patient enough."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import ClassVar

import anyio
import anyio.to_thread
import pytest
from doorstep.engine.sdk import DELIVERED, Batch, Failure, Fault
from doorstep.engine.sdk.conformance import SinkConformance
from doorstep.engine.sdk.testing import Tester

from .destination import Console, ConsoleSettings

BACKENDS = ["asyncio", "trio"]


class TestConsole(SinkConformance):
    destination = Console
    settings: ClassVar = {}
    repeats = True  # a terminal cannot be overwritten

    @pytest.fixture(autouse=True)
    def _capture(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.capfd = capfd
        self.printed = ""

    def effects(self) -> str:
        self.printed += self.capfd.readouterr().out
        return self.printed


class Pipe:
    """A pipe to print into."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def console(self) -> Console:
        class PipeConsole(Console):
            descriptor = self.writer

        return PipeConsole(ConsoleSettings())

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (piece := os.read(self.reader, size - len(data))):
            data += piece
        return data

    def close_reader(self) -> None:
        if self.reader >= 0:
            os.close(self.reader)
            self.reader = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close_reader()
    os.close(made.writer)


@pytest.fixture(params=["reopened", "shared"])
def console(request: pytest.FixtureRequest, pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> Console:
    """One that could open the pipe anew, and one that could not and has to be careful."""
    if request.param == "shared":
        monkeypatch.setattr(os.path, "isdir", lambda path: False)
    return pipe.console()


def large_batch() -> Batch:
    """More than a pipe holds."""
    text = "x" * 1000
    return Tester(Console, {}).batch(*({"type": "page", "userId": f"u-{n}", "name": text} for n in range(1000, 1400)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_slow_reader_gets_every_byte_and_the_loop_goes_on(backend: str, pipe: Pipe, console: Console) -> None:
    batch = large_batch()
    expected = b"".join(line + b"\n" for line in batch.lines)
    ticks, read = [0], [b""]

    async def tick_then_read() -> None:
        for _ in range(20):
            await anyio.sleep(0.001)
            ticks[0] += 1
        read[0] = await anyio.to_thread.run_sync(pipe.read, len(expected))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(tick_then_read)
            await console.open()
            assert await console.write(batch) == DELIVERED
            assert ticks[0] == 20, "it wrote more than the pipe holds before anybody read"
        await console.close()

    anyio.run(main, backend=backend)
    assert read[0] == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_reader_that_has_gone_is_a_failure_of_the_destination(backend: str, pipe: Pipe, console: Console) -> None:
    async def main() -> Failure:
        await console.open()
        pipe.close_reader()
        verdict = await console.write(large_batch())
        await console.close()
        assert isinstance(verdict, Failure)
        return verdict

    failure = anyio.run(main, backend=backend)
    assert (failure.fault, failure.reason) == (Fault.CONFIGURATION, "stdout_closed")


def printed_after_a_cancelled_write(
    backend: str, pipe: Pipe, console: Console, batch: Batch, next_batch: Batch
) -> bytes:
    """What the reader got in the end: it slept during the write of `batch`, and woke for `next_batch`."""
    read: list[bytes] = []
    end = next_batch.lines[-1] + b"\n"

    def read_to_the_end() -> None:
        while not b"".join(read[-2:]).endswith(end):
            read.append(os.read(pipe.reader, 65536))

    async def main() -> None:
        await console.open()
        with anyio.move_on_after(0.02) as scope:
            await console.write(batch)
        assert scope.cancelled_caught
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.to_thread.run_sync, read_to_the_end)
            assert await console.write(next_batch) == DELIVERED
        await console.close()

    anyio.run(main, backend=backend)
    return b"".join(read)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_write_that_was_cancelled_goes_on_where_it_was_when_tried_again(
    backend: str, pipe: Pipe, console: Console
) -> None:
    batch = large_batch()
    read = printed_after_a_cancelled_write(backend, pipe, console, batch, batch)
    assert read == b"".join(line + b"\n" for line in batch.lines)


@pytest.mark.parametrize("backend", BACKENDS)
def test_another_batch_begins_on_a_line_of_its_own(backend: str, pipe: Pipe, console: Console) -> None:
    other = Tester(Console, {}).batch(b'{"type":"page","userId":"u-2"}')
    read = printed_after_a_cancelled_write(backend, pipe, console, large_batch(), other)
    assert read.splitlines()[-1] == b'{"type":"page","userId":"u-2"}'
    assert len(read.splitlines()) < 400


def test_the_pipe_that_we_share_stays_blocking(pipe: Pipe) -> None:
    console = pipe.console()

    async def main() -> bool:
        await console.open()
        blocking = os.get_blocking(pipe.writer)
        await console.close()
        return blocking

    assert anyio.run(main) is True
