"""The socket: where it is, who may open it, what it leaves behind, and that it never keeps an engine from ending."""

from __future__ import annotations

import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import anyio
import pytest
from blockbuster import blockbuster_ctx
from doorstep.engine.admin import serve_admin
from doorstep.engine.admin.client import connect
from doorstep.engine.errors import NotRunning, Unanswered

pytestmark = [pytest.mark.anyio, pytest.mark.backends]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def long_folder(folder: Path) -> Path:
    """One whose path fits into no socket address."""
    path = folder / ("n" * 100)
    path.mkdir()
    return path


async def test_only_the_user_may_open_the_socket_and_none_is_left_at_the_end(folder, desk, looks) -> None:
    before = os.umask(0)
    try:
        async with serve_admin(desk, looks, folder) as server:
            assert server.path == folder / "admin.sock"
            assert mode(folder / "admin.sock") == 0o600
    finally:
        os.umask(before)
    assert names(folder) == set()


async def test_where_a_path_is_too_long_a_file_says_where_the_socket_is(long_folder, desk, looks) -> None:
    async with serve_admin(desk, looks, long_folder) as server, connect(long_folder) as remote:
        assert (await remote.letter(3)).id == 3
        assert names(long_folder) == {"admin"}
        assert (long_folder / "admin").read_text() == f"{server.path}\n"
        assert len(str(server.path)) < 104
        assert (mode(server.path), mode(server.path.parent)) == (0o600, 0o700)
    assert names(long_folder) == set()
    assert not server.path.parent.exists()


async def test_what_a_dead_engine_left_is_replaced(folder, desk, looks) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "admin.sock"))
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        assert (await remote.letter(3)).id == 3


async def test_what_a_dead_engine_left_elsewhere_is_removed(folder, long_folder, desk, looks) -> None:
    left = folder / "doorstep-left"
    left.mkdir()
    (left / "admin.sock").touch()
    (long_folder / "admin").write_text(f"{left}/admin.sock\n")
    async with serve_admin(desk, looks, long_folder), connect(long_folder) as remote:
        assert (await remote.letter(3)).id == 3
    assert not left.exists()


async def test_a_file_of_that_name_that_points_at_something_else_removes_nothing(folder, desk, looks) -> None:
    other = folder / "other"
    other.mkdir()
    (other / "admin.sock").touch()
    (folder / "admin").write_text(f"{other}/admin.sock\n")
    async with serve_admin(desk, looks, folder):
        assert names(folder) == {"admin.sock", "other"}
    assert names(other) == {"admin.sock"}


async def test_a_client_is_told_that_no_engine_runs(folder, long_folder) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "admin.sock"))
    for empty, told in ((folder, "answers: "), (long_folder, "listens at "), (folder / "missing", "listens at ")):
        with pytest.raises(NotRunning, match=f"^no engine {told}"):
            async with connect(empty):
                pass


async def test_an_engine_that_ends_under_a_question_leaves_no_doubt_that_it_was_asked(folder, desk, looks) -> None:
    desk.hold = anyio.Event()
    caught = []

    async def ask() -> None:
        async with connect(folder) as remote:
            with pytest.raises(Unanswered, match=r"^the engine gave no answer: ") as error:
                await remote.pause("hook")
            caught.append(error)

    async with anyio.create_task_group() as clients:
        async with serve_admin(desk, looks, folder):
            clients.start_soon(ask)
            with anyio.fail_after(10):
                await desk.asked.wait()
            assert desk.waiting == 1
        assert desk.waiting == 0
    assert len(caught) == 1


async def test_a_question_that_is_nearly_answered_gets_its_answer(folder, desk, looks) -> None:
    desk.hold = anyio.Event()
    answers = []

    async def ask() -> None:
        async with connect(folder) as remote:
            answers.append(await remote.letter(3))

    async with anyio.create_task_group() as clients:
        async with serve_admin(desk, looks, folder):
            clients.start_soon(ask)
            with anyio.fail_after(10):
                await desk.asked.wait()
            clients.start_soon(let_go, desk.hold)
    assert [letter.id for letter in answers] == [3]


async def let_go(event: anyio.Event) -> None:
    await anyio.sleep(0.1)
    event.set()


@pytest.mark.parametrize(
    "said",
    [b"", b"POST /admin/v1/letters HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", b"GET /admin/v1/letter"],
    ids=["nothing", "half a body", "half a head"],
)
async def test_the_end_waits_no_second_for_a_client_that_hangs(folder, desk, looks, said) -> None:
    async with serve_admin(desk, looks, folder):
        async with connect(folder):  # so that the server is loaded
            hanging = await anyio.connect_unix(folder / "admin.sock")
            await hanging.send(said)
        start = anyio.current_time()
    assert anyio.current_time() - start < 1
    await hanging.aclose()


async def test_the_end_waits_no_second_for_a_client_that_does_not_read(folder, desk, looks) -> None:
    desk.page = desk.page * 20_000
    async with serve_admin(desk, looks, folder):
        hanging = await anyio.connect_unix(folder / "admin.sock")
        await hanging.send(b"GET /admin/v1/letters HTTP/1.1\r\nHost: x\r\n\r\n")
        with anyio.fail_after(10):
            await hanging.receive(1)
        start = anyio.current_time()
    assert anyio.current_time() - start < 1
    await hanging.aclose()


async def test_an_engine_that_nobody_asked_ends_at_once_and_has_loaded_nothing(folder) -> None:
    code = (
        "import sys, time, anyio, pathlib\n"
        "from doorstep.engine.admin import serve_admin\n"
        "async def main():\n"
        "    start = time.monotonic()\n"
        "    async with serve_admin(None, None, pathlib.Path(sys.argv[1])): await anyio.sleep(0)\n"
        "    print(time.monotonic() - start < 0.5, {'uvicorn', 'starlette', 'hypercorn', 'httpcore2'} & {*sys.modules})\n"
        "anyio.run(main)\n"
    )
    done = await anyio.run_process([sys.executable, "-c", code, str(folder)], stderr=subprocess.PIPE)
    assert done.stdout.decode() == "True set()\n"


async def test_cancelling_the_engine_ends_the_server_with_it(folder, desk, looks) -> None:
    desk.hold = anyio.Event()
    async with anyio.create_task_group() as clients:
        with anyio.CancelScope() as engine:
            async with serve_admin(desk, looks, folder):
                stream = await anyio.connect_unix(folder / "admin.sock")
                await stream.send(b"GET /admin/v1/replays HTTP/1.1\r\nHost: x\r\n\r\n")
                with anyio.fail_after(10):
                    await desk.asked.wait()
                engine.cancel()
                await anyio.sleep(10)
        clients.cancel_scope.cancel()
    await stream.aclose()
    assert names(folder) == set()


async def test_an_error_of_the_block_comes_out_as_it_is(folder, desk, looks) -> None:
    with pytest.raises(ZeroDivisionError):
        async with serve_admin(desk, looks, folder), connect(folder):
            1 / 0  # noqa: B018


async def test_without_any_place_for_a_socket_the_engine_runs_all_the_same(
    folder, desk, looks, monkeypatch, caplog
) -> None:
    (folder / "admin.sock" / "x").mkdir(parents=True)
    (folder / "admin").mkdir()
    (folder / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "tmp"))
    async with serve_admin(desk, looks, folder) as server:
        assert server.path is None
        assert repr(server) == "<AdminServer nowhere>"
    assert names(folder / "tmp") == set()
    assert [record.getMessage() for record in caplog.records] == [
        "no commands reach this engine: its socket cannot be opened"
    ]


async def test_nothing_here_blocks_the_loop(long_folder, desk, looks) -> None:
    with blockbuster_ctx("doorstep.engine"):
        async with serve_admin(desk, looks, long_folder), connect(long_folder) as remote:
            assert (await remote.letter(3)).id == 3


async def test_signals_and_logging_of_the_host_stay_as_they_are(folder, desk, looks, caplog) -> None:
    caplog.set_level(logging.INFO)
    before = host()
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        await remote.letter(3)
        during = host()
    assert during == before
    assert host() == before
    assert [record.getMessage() for record in caplog.records] == []


def host() -> object:
    loggers = ["", "uvicorn", "uvicorn.error", "uvicorn.access", "hypercorn", "hypercorn.error", "hypercorn.access"]
    return (
        [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        [
            (each.name, each.level, list(each.handlers), each.propagate, each.disabled)
            for each in map(logging.getLogger, loggers)
        ],
    )
