"""Real processes, and a receiver that records what they send.

events (bytes) -> `doorstep ...` in a process -> Receiver (a thread per connection, raw HTTP/1.1) -> lines, as they came
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import doorstep.engine
import msgspec
import pytest
from click.testing import CliRunner, Result
from doorstep.engine.cli import commands, run

from tests.warm import COMMAND, Warm

LIMIT_S = 40.0
"""No process lives longer."""
KEYS = [
    "offered",
    "pending_before",
    "replayed",
    "delivered",
    "filtered",
    "dead_lettered",
    "parked",
    "pending",
    "dropped",
    "expired",
    "attempts",
    "retried",
    "latency_ms",
]
_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)
_REASONS = {200: b"OK", 400: b"Bad Request", 401: b"Unauthorized", 404: b"Not Found", 500: b"Internal Server Error"}


# The receiver --------------------------------------------------------------------------------------------------------


class Answer(msgspec.Struct, frozen=True):
    """What a path answers, after how long; status 0 is never."""

    status: int = 200
    after_s: float = 0.0


class Receiver:
    """Each path keeps its own account. Set `answers["/path"]` for anything but 200 at once."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self._requests: dict[str, list[tuple[bytes, bytes]]] = {}
        self._news = threading.Condition()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path: str = "/in") -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}{path}"

    def lines(self, path: str = "/in") -> list[bytes]:
        """The elements of all arrays that came, byte for byte."""
        bodies = [body for _, body in self._requests.get(path, [])]
        return [bytes(raw) for body in bodies for raw in msgspec.json.decode(body, type=list[msgspec.Raw])]

    def bodies(self, path: str = "/in") -> list[bytes]:
        """Of all requests."""
        return [body for _, body in self._requests.get(path, [])]

    def heads(self, path: str = "/in") -> list[bytes]:
        """The request lines and headers, in lower case."""
        return [head.lower() for head, _ in self._requests.get(path, [])]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until it holds; looks again at each request that comes."""
        with self._news:
            assert self._news.wait_for(condition, LIMIT_S / 2), f"received {self._requests.keys()}"

    def close(self) -> None:
        self._closing.set()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb", 1 << 18) as stream:
            try:
                while request_line := stream.readline():
                    self._handle(connection, request_line, stream)
            except OSError:
                return

    def _handle(self, connection: socket.socket, request_line: bytes, stream: Any) -> None:
        head = request_line
        while (line := stream.readline()) not in (b"\r\n", b""):
            head += line
        length = _LENGTH.search(head)
        body = stream.read(wanted := int(length[1]) if length else 0)
        if len(body) < wanted:
            return  # its sender was killed in the middle: no request
        path = request_line.split(b" ")[1].decode()
        with self._news:
            self._requests.setdefault(path, []).append((head, body))
            self._news.notify_all()
        answer = self.answers.get(path, Answer())
        if not answer.status:
            self._closing.wait(LIMIT_S)
            return
        if answer.after_s:
            self._closing.wait(answer.after_s)
        connection.sendall(b"HTTP/1.1 %d %b\r\nContent-Length: 0\r\n\r\n" % (answer.status, _REASONS[answer.status]))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def refusing() -> Iterator[str]:
    """A URL where connections are refused: a port that is taken, and nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


# Processes -----------------------------------------------------------------------------------------------------------


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOORSTEP_")}
    return {**kept, "PYTHONPATH": str(Path(doorstep.engine.__file__).parents[2]), **more}


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Where `doorstep` begins with all of it imported."""
    warm = Warm(_environment())
    yield warm
    warm.close()


@pytest.fixture
def command() -> list[str]:
    """How `doorstep` is started."""
    return COMMAND


@pytest.fixture
def environment() -> dict[str, str]:
    """In which environment."""
    return _environment()


@pytest.fixture
def doorstep_cli(tmp_path: Path, warm: Warm) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs `doorstep ARGUMENTS` in an empty folder, to its end."""

    def call(*arguments: object, input: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
        return warm.run(
            list(map(str, arguments)), input=input, cwd=tmp_path, env=_environment(**environ), timeout=LIMIT_S
        )

    return call


@pytest.fixture(scope="session")
def held() -> Iterator[Warm]:
    """Where `doorstep` begins for a root that is held to permissions as anybody is."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("only root can give files away")
    held = Warm(_environment(), setpriv, "--bounding-set=-dac_override,-dac_read_search")
    yield held
    held.close()


@pytest.fixture
def for_another_user(tmp_path: Path, held: Warm) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs `doorstep ARGUMENTS` once all in the folder is somebody else's."""

    def call(*arguments: object) -> subprocess.CompletedProcess[bytes]:
        for path in tmp_path.rglob("*"):
            os.chown(path, 65534, 65534)
        return held.run(list(map(str, arguments)), cwd=tmp_path, env=_environment(), timeout=LIMIT_S)

    return call


@pytest.fixture
def python(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[bytes]]:
    """Runs a script of a program that embeds doorstep, in an empty folder."""

    def call(script: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            cwd=tmp_path,
            env=_environment(),
            timeout=LIMIT_S,
            check=True,
        )

    return call


@pytest.fixture
def typed_at_terminal(tmp_path: Path, warm: Warm) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs `doorstep ARGUMENTS` in an empty folder for somebody at a terminal, who types this."""

    def call(typed: bytes, *arguments: object) -> subprocess.CompletedProcess[bytes]:
        terminal, stdin = pty.openpty()
        try:
            os.write(terminal, typed)
            return warm.run(list(map(str, arguments)), stdin=stdin, cwd=tmp_path, env=_environment(), timeout=LIMIT_S)
        finally:
            os.close(stdin)
            os.close(terminal)

    return call


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`doorstep ARGUMENTS` in an empty folder and in this process, which is quicker: for what ends before anything runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DOORSTEP_CONFIG", raising=False)
    monkeypatch.setattr(run, "configure_logging", lambda *_, **__: None)

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(commands.doorstep, [str(argument) for argument in arguments])

    return call


class Process:
    """A `doorstep` that goes on: what it says on stderr can be waited for."""

    def __init__(self, warm: Warm, arguments: tuple[object, ...], folder: Path, stdout: int, terminal: bool) -> None:
        self._err, err = pty.openpty() if terminal else os.pipe()
        environment = _environment(TERM="xterm", COLUMNS="120")
        self._process = warm.popen(
            list(map(str, arguments)), stdin=subprocess.PIPE, stdout=stdout, stderr=err, cwd=folder, env=environment
        )
        os.close(err)
        assert self._process.stdin is not None
        self.stdin = self._process.stdin
        self.said = ""
        self._news = threading.Condition()
        self._out = b""
        self._readers = [threading.Thread(target=self._read_err)]
        if self._process.stdout is not None:
            self._readers.append(threading.Thread(target=self._read_out))
        for reader in self._readers:
            reader.start()

    def send(self, lines: list[bytes]) -> None:
        self.stdin.write(b"".join(line + b"\n" for line in lines))
        self.stdin.flush()

    def signal(self, signum: int) -> None:
        self._process.send_signal(signum)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait_until_said(self, pattern: str) -> re.Match[str]:
        """Until stderr has `pattern`."""
        with self._news:
            assert self._news.wait_for(lambda: re.search(pattern, self.said), LIMIT_S / 2), self.said
        found = re.search(pattern, self.said)
        assert found is not None
        return found

    def end(self) -> tuple[int, bytes]:
        """Waits for the end: the exit code, and what was on stdout."""
        code = self._process.wait(LIMIT_S)
        for reader in self._readers:
            reader.join(LIMIT_S)
        return code, self._out

    def wait_until_shown(self, text: str) -> None:
        """Until stdout has `text`."""
        with self._news:
            assert self._news.wait_for(lambda: text.encode() in self._out, LIMIT_S / 2), self._out

    def kill(self) -> None:
        self._process.kill()
        self.end()
        self.stdin.close()

    def _read_err(self) -> None:
        with open(self._err, "rb", buffering=0) as stream, suppress(OSError):  # EIO: nobody is at the terminal any more
            while data := stream.read(1 << 16):
                with self._news:
                    self.said += data.decode()
                    self._news.notify_all()

    def _read_out(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while data := stream.read1(1 << 16):
                with self._news:
                    self._out += data
                    self._news.notify_all()


@pytest.fixture
def start(tmp_path: Path, warm: Warm) -> Iterator[Callable[..., Process]]:
    """Starts `doorstep ARGUMENTS` with pipes, or with stderr on a terminal; whatever still runs at the end of the test is killed."""
    started: list[Process] = []

    def call(*arguments: object, stdout: int = subprocess.PIPE, terminal: bool = False) -> Process:
        started.append(Process(warm, arguments, tmp_path, stdout, terminal))
        return started[-1]

    yield call
    for process in started:
        process.kill()


# Events and numbers --------------------------------------------------------------------------------------------------


@pytest.fixture
def events() -> Callable[..., list[bytes]]:
    """`events(count)`: valid events as lines, each with a messageId of its own; not all of one length, not all ASCII."""

    def make(count: int, prefix: str = "m") -> list[bytes]:
        template = '{"type": "track", "userId": "u-%d", "event": "Order é", "properties": {"n": %d, "note": "%s"}, "messageId": "%s-%d"}'
        return [(template % (i % 97, i, "x" * (i % 50), prefix, i)).encode() for i in range(count)]

    return make


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., Path]:
    """Writes a configuration, replacing the file in one step, as editors do."""

    def write(text: str, name: str = "doorstep.toml") -> Path:
        path = tmp_path / name
        unfinished = path.with_suffix(".new")
        unfinished.write_text(text)
        unfinished.replace(path)
        return path

    return write


@pytest.fixture
def summary_of() -> Callable[[bytes], dict[str, Any]]:
    """The summary that is the last line of stdout, once it is seen to have the contract's shape and to add up."""

    def read(stdout: bytes) -> dict[str, Any]:
        summary: dict[str, Any] = msgspec.json.decode(stdout.splitlines()[-1])
        assert list(summary) == ["received", "accepted", "duplicates", "rejected", "duration_s", "destinations"]
        rejected = sum(summary["rejected"].values())
        assert summary["received"] == summary["accepted"] + rejected + summary["duplicates"]
        for numbers in summary["destinations"].values():
            _check(numbers)
        return summary

    return read


def _check(numbers: dict[str, Any]) -> None:
    assert list(numbers) == KEYS
    assert list(numbers["latency_ms"]) == ["p50", "p99"]
    came = numbers["pending_before"] + numbers["offered"] + numbers["replayed"]
    counts = [numbers[key] for key in ("delivered", "dead_lettered", "parked", "pending", "dropped", "expired")]
    assert min(counts) >= 0
    assert came == sum(counts) + sum(numbers["filtered"].values())


@pytest.fixture
def stopwatch() -> Callable[[], float]:
    """Seconds since the test began."""
    begin = time.monotonic()
    return lambda: time.monotonic() - begin
