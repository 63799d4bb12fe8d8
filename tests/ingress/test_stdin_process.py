"""Standard input of a real process, in all the states a parent may leave it in."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

PROGRAM = """
import sys, anyio
from doorstep.engine.cli import fill_standard_descriptors
from doorstep.engine.ingress import StdinSettings, open_ingress

class Printer:
    async def accept(self, read, source):
        for number, line in zip(read.numbers, read.lines):
            print(number, line.decode(), flush=True)

async def main():
    ingress = open_ingress(StdinSettings(), max_event_bytes=1000)
    if "stop" in sys.argv:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ingress.run, Printer())
            with anyio.open_signal_receiver(2) as signals:
                print("ready", flush=True)
                async for _ in signals:
                    ingress.stop()
                    break
    else:
        await ingress.run(Printer())
    print("end", flush=True)

fill_standard_descriptors()
anyio.run(main, backend=sys.argv[1], backend_options={"use_uvloop": True} if "uvloop" in sys.argv else {})
"""


@pytest.fixture(params=["asyncio", "asyncio uvloop", "trio"])
def program(request: pytest.FixtureRequest) -> list[str]:
    return [sys.executable, "-W", "error", "-c", PROGRAM, *request.param.split()]


def run(program: list[str], **options: object) -> str:
    done = subprocess.run(program, capture_output=True, text=True, timeout=20, check=False, **options)  # type: ignore[call-overload]  # the options of a test
    assert done.stderr == ""
    assert done.returncode == 0
    return str(done.stdout)


def test_a_pipe(program: list[str]) -> None:
    assert run(program, input="one\ntwo") == "1 one\n2 two\nend\n"


def test_a_file(program: list[str], tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text("one\ntwo\n")
    with path.open() as file:
        assert run(program, stdin=file) == "1 one\n2 two\nend\n"


def test_the_null_device(program: list[str]) -> None:
    assert run(program, stdin=subprocess.DEVNULL) == "end\n"


def test_no_standard_input_at_all(program: list[str]) -> None:
    """Descriptor 0 would then be the first thing the process opens, such as its event loop."""
    assert run(["/bin/sh", "-c", 'exec "$@" <&-', "sh", *program]) == "end\n"


def test_a_terminal_keeps_its_flags_and_gives_way_to_a_signal(program: list[str]) -> None:
    leader, follower = os.openpty()
    flags = fcntl.fcntl(follower, fcntl.F_GETFL)
    settings = termios.tcgetattr(follower)
    try:
        with subprocess.Popen([*program, "stop"], stdin=follower, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            try:
                assert child.stdout.readline() == "ready\n"
                os.write(leader, b"typed\n")
                assert child.stdout.readline() == "1 typed\n"
                assert fcntl.fcntl(follower, fcntl.F_GETFL) == flags
                assert not flags & os.O_NONBLOCK
                child.send_signal(signal.SIGINT)
                assert child.stdout.readline() == "end\n"
                assert child.wait(timeout=10) == 0
            finally:
                child.kill()
        assert fcntl.fcntl(follower, fcntl.F_GETFL) == flags
        assert termios.tcgetattr(follower) == settings
    finally:
        os.close(leader)
        os.close(follower)
