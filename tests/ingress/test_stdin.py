"""One descriptor, on every backend: nothing is lost at its end, nothing is read without leave."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from doorstep.engine.ingress import IngressStatistics, StdinIngress
from doorstep.engine.ingress import stdin as stdin_module
from doorstep.engine.ingress.stdin import standard_input

pytestmark = [pytest.mark.anyio, pytest.mark.backends]

LIMIT = 32 * 1024


class Pipe:
    """Both ends, each closed once."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        self._open = {self.read, self.write}

    def send(self, data: bytes) -> None:
        assert os.write(self.write, data) == len(data)

    def close(self, fd: int) -> None:
        if fd in self._open:
            self._open.remove(fd)
            os.close(fd)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close(pipe.write)
    pipe.close(pipe.read)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.enumerate()
    yield
    new = {*threading.enumerate()} - {*before}
    assert [thread.name for thread in new if thread.name.startswith("doorstep")] == []


def number_of_descriptors() -> int:
    return len(os.listdir("/dev/fd"))


async def test_a_pipe_is_read_to_its_end(pipe: Pipe, taker: Any) -> None:
    pipe.send(b"one\r\n\ntwo\nthr")
    pipe.send(b"ee")
    pipe.close(pipe.write)
    ingress = StdinIngress("shop", pipe.read, LIMIT)
    with anyio.fail_after(5):
        await ingress.run(taker)
    assert taker.lines == [b"one", b"two", b"three"]
    assert taker.sources == {"shop"}
    assert ingress.statistics() == IngressStatistics("shop", 15, 3)


async def test_lines_are_handed_on_as_they_come(pipe: Pipe, taker: Any) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(StdinIngress("stdin", pipe.read, LIMIT).run, taker)
        for count in range(1, 4):
            pipe.send(b"line\n")
            await taker.wait_lines(count)
        pipe.close(pipe.write)
    assert taker.lines == [b"line"] * 3


async def test_a_file_is_read_to_its_end(tmp_path: Path, taker: Any) -> None:
    lines = [b"%07d" % n for n in range(200_000)]
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join(lines))
    with path.open("rb") as file:
        await StdinIngress("stdin", file.fileno(), LIMIT).run(taker)
    assert taker.lines == lines
    assert [number for read in taker.reads for number in read.numbers] == list(range(1, 200_001))


async def test_an_empty_input_ends_at_once(tmp_path: Path, taker: Any) -> None:
    path = tmp_path / "empty"
    path.touch()
    with path.open("rb") as file:
        await StdinIngress("stdin", file.fileno(), LIMIT).run(taker)
    await StdinIngress("stdin", None, LIMIT).run(taker)
    assert taker.reads == []


async def test_blank_lines_are_not_handed_on(pipe: Pipe, taker: Any) -> None:
    pipe.send(b"\n \n\n")
    pipe.close(pipe.write)
    await StdinIngress("stdin", pipe.read, LIMIT).run(taker)
    assert taker.reads == []


async def test_stopping_ends_a_silent_input_at_once(pipe: Pipe, taker: Any) -> None:
    before = number_of_descriptors()
    ingress = StdinIngress("stdin", pipe.read, LIMIT)
    with anyio.fail_after(0.9):  # less than a thread that was given up would take
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ingress.run, taker)
            pipe.send(b"one\ntw")
            await taker.wait_lines(1)
            ingress.stop()
            ingress.stop()
    assert taker.lines == [b"one"], "the rest of the second line was never read"
    assert number_of_descriptors() == before


async def test_stopping_before_running_reads_nothing(pipe: Pipe, taker: Any) -> None:
    pipe.send(b"one\n")
    ingress = StdinIngress("stdin", pipe.read, LIMIT)
    ingress.stop()
    await ingress.run(taker)
    assert taker.reads == []
    assert os.read(pipe.read, 100) == b"one\n"


async def test_cancelling_ends_a_silent_input_at_once(pipe: Pipe, taker: Any) -> None:
    before = number_of_descriptors()
    with anyio.fail_after(0.9), anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(StdinIngress("stdin", pipe.read, LIMIT).run, taker)
            pipe.send(b"one\n")
            await taker.wait_lines(1)
            scope.cancel()
    assert number_of_descriptors() == before


async def test_a_closed_intake_ends_it_quietly(pipe: Pipe, taker: Any) -> None:
    taker.closed = True
    pipe.send(b"one\n")
    with anyio.fail_after(0.9):
        await StdinIngress("stdin", pipe.read, LIMIT).run(taker)
    assert taker.reads == []


async def test_while_nothing_is_accepted_nothing_more_is_read(tmp_path: Path, taker: Any) -> None:
    """A file's offset tells what has been read: the chunk that is being accepted."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"1234567\n" * 500_000)
    taker.hold = anyio.Event()
    with path.open("rb") as file:
        fd = file.fileno()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(StdinIngress("stdin", fd, LIMIT).run, taker)
            with anyio.fail_after(5):
                while not taker.reads:
                    await anyio.lowlevel.checkpoint()
            for _ in range(200):
                await anyio.lowlevel.checkpoint()
            assert os.lseek(fd, 0, os.SEEK_CUR) == 384 * 1024
            assert len(taker.reads) == 1
            taker.hold.set()
    assert len(taker.lines) == 500_000


async def test_what_cannot_be_read_without_waiting_is_read_by_the_thread(
    pipe: Pipe, tmp_path: Path, taker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdin_module, "_NOWAIT", None)
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"1234567\n" * 500_000)
    pipe.send(b"last\n")
    pipe.close(pipe.write)
    with path.open("rb") as file:
        await StdinIngress("stdin", file.fileno(), LIMIT).run(taker)
    await StdinIngress("stdin", pipe.read, LIMIT).run(taker)
    assert taker.lines == [b"1234567"] * 500_000 + [b"last"]


async def test_a_descriptor_that_the_parent_made_non_blocking_is_read_all_the_same(pipe: Pipe, taker: Any) -> None:
    os.set_blocking(pipe.read, False)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(StdinIngress("stdin", pipe.read, LIMIT).run, taker)
        pipe.send(b"one\n")
        await taker.wait_lines(1)
        pipe.send(b"two\n")
        await taker.wait_lines(2)
        pipe.close(pipe.write)
    assert taker.lines == [b"one", b"two"]
    assert not os.get_blocking(pipe.read)


async def test_a_descriptor_that_was_blocking_stays_so(pipe: Pipe, taker: Any) -> None:
    pipe.close(pipe.write)
    await StdinIngress("stdin", pipe.read, LIMIT).run(taker)
    assert os.get_blocking(pipe.read)


async def test_a_terminal_gives_lines_until_control_d(taker: Any) -> None:
    leader, follower = os.openpty()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(StdinIngress("stdin", follower, LIMIT).run, taker)
            os.write(leader, b"typed\n")
            await taker.wait_lines(1)
            os.write(leader, b"\x04")
        assert taker.lines == [b"typed"]
    finally:
        os.close(leader)
        os.close(follower)


async def test_a_terminal_that_goes_away_is_the_end_of_input(taker: Any) -> None:
    leader, follower = os.openpty()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(StdinIngress("stdin", follower, LIMIT).run, taker)
            os.write(leader, b"typed\n")
            await taker.wait_lines(1)
            os.close(leader)
        assert taker.lines == [b"typed"]
    finally:
        os.close(follower)


async def test_what_cannot_be_read_is_an_error(tmp_path: Path, taker: Any) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(IsADirectoryError):
            await StdinIngress("stdin", fd, LIMIT).run(taker)
    finally:
        os.close(fd)


async def test_many_small_writes_arrive_whole(pipe: Pipe, taker: Any) -> None:
    lines = [b'{"n":%d,"pad":"%s"}' % (n, b"x" * (n % 1000)) for n in range(3000)]
    data = b"\n".join(lines)

    def write() -> None:
        with closing(os.fdopen(pipe.write, "wb", buffering=0, closefd=False)) as file:
            for start in range(0, len(data), 777):
                file.write(data[start : start + 777])
        pipe.close(pipe.write)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, write)
        await StdinIngress("stdin", pipe.read, LIMIT).run(taker)
    assert taker.lines == lines


async def test_without_standard_input_there_is_no_descriptor_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert standard_input() == 0
    monkeypatch.setattr("sys.__stdin__", None)
    assert standard_input() is None
