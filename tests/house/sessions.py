"""Pages whose examples are run: a fenced block with a file name is that file; a `console` block is a session in the folder of these files.

In a session what follows a `$` line is what the command prints, where `...` stands for anything on a line. A command that ends in `&`
goes on until `kill %1`, or the page's end. Receivers at `127.0.0.1:9000` are one that the tests started; other ports of loopback are
exchanged for free ones.
"""

from __future__ import annotations

import gzip
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import doorstep.engine

from tests.ports import free_port

FENCE = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RECEIVER = "127.0.0.1:9000"
PORT = re.compile(r"127\.0\.0\.1:\d{4}")
LOOKS = re.compile(r"doorstep (status|tail|explain|dlq ls)")
"""Commands that may be asked again: the engine beside them has just been told something."""
PATIENCE_S = 15.0


class Block(NamedTuple):
    """A fenced block: its language, the file that it is (if any), and what is in it."""

    language: str
    file: str
    text: str


class Received(NamedTuple):
    """One request that the receiver got, its body unpacked."""

    path: str
    authorization: str | None
    body: bytes


def blocks_of(page: str) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(page)]


def sessions_of(blocks: Sequence[Block]) -> list[tuple[str, str]]:
    """The commands of its `console` blocks, each with what it prints."""
    found = []
    for block in blocks:
        if block.language == "console":
            parts = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)[1:]
            found += list(zip(parts[::2], parts[1::2], strict=True))
    return found


@contextmanager
def a_receiver() -> Iterator[tuple[str, list[Received]]]:
    """The address of a receiver, and what it got. It answers 200; at `/refuse` 400, and at `/picky` to what has no locale."""
    got: list[Received] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            plain = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
            got.append(Received(self.path, self.headers["Authorization"], plain))
            is_refused = "refuse" in self.path or ("picky" in self.path and b'"locale"' not in plain)
            self.send_response(400 if is_refused else 200)
            said = b"locale is missing" if is_refused else b""
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", got
        finally:
            server.shutdown()
            thread.join()


class Terminal:
    """A folder with the files that a page shows, `doorstep` and `python` on its path, and what runs in it beside the prompt."""

    def __init__(self, folder: Path, blocks: Sequence[Block], receiver: str, environment: Mapping[str, str]) -> None:
        self.folder = folder / "work"
        self._ports = {RECEIVER: receiver}
        self._beside: subprocess.Popen[bytes] | None = None
        self.folder.mkdir()
        for block in blocks:
            if block.file:
                (self.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / block.file).write_text(self._here(block.text), encoding="utf-8")
        for name, arguments in (("doorstep", "-m doorstep.engine.cli"), ("python", "")):
            self._script(name, f'exec {shlex.quote(sys.executable)} {arguments} "$@"')
        package = Path(doorstep.engine.__file__ or "").parents[2]
        path = os.pathsep.join([str(self.folder / "bin"), environment["PATH"]])
        self._environment = dict(environment) | {"PATH": path, "PYTHONPATH": str(package)}

    def follow(self, sessions: Sequence[tuple[str, str]]) -> None:
        """Types each command and compares what it prints."""
        try:
            for command, expected in sessions:
                if command.endswith("&"):
                    self._start(command.removesuffix("&"))
                elif command == "kill %1":
                    self._stop()
                else:
                    self._compare(command, expected)
        finally:
            self._stop()

    def _compare(self, command: str, expected: str) -> None:
        end = time.monotonic() + PATIENCE_S
        shown = self.run(command)
        while not looks_like(shown, self._here(expected)):
            is_late = time.monotonic() > end or not (self._beside and LOOKS.search(command))
            assert not is_late, f"$ {command}\n{shown}{self._said()}"
            time.sleep(0.2)
            shown = self.run(command)

    def run(self, command: str) -> str:
        """What it prints to both outputs, as a terminal would show it."""
        done = subprocess.run(
            ["bash", "-c", self._here(command)],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=50,
            check=False,
        )
        return done.stdout.decode()

    def _start(self, command: str) -> None:
        with (self.folder / "beside.log").open("wb") as log:
            self._beside = subprocess.Popen(
                ["bash", "-c", f"exec {self._here(command)}"],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + PATIENCE_S
        while not list(self.folder.glob("*/admin.sock")):
            is_late = self._beside.poll() is not None or time.monotonic() > end
            assert not is_late, self._said()
            time.sleep(0.05)

    def _stop(self) -> None:
        if self._beside is not None:
            self._beside.terminate()
            assert self._beside.wait(PATIENCE_S) == 0, self._said()
            self._beside = None

    def _said(self) -> str:
        log = self.folder / "beside.log"
        return f"\nbeside it:\n{log.read_text('utf-8')}" if log.exists() else ""

    def _here(self, text: str) -> str:
        return PORT.sub(lambda found: self._ports.setdefault(found[0], f"127.0.0.1:{free_port()}"), text)

    def _script(self, name: str, line: str) -> None:
        script = self.folder / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        script.chmod(0o755)


def looks_like(shown: str, expected: str) -> bool:
    """Whether a command printed what the page shows, but for a line end at its end."""
    pattern = "".join(
        re.escape(part) if part != "..." else ".*" for part in re.split(r"(\.\.\.)", expected.rstrip("\n"))
    )
    return re.fullmatch(pattern, shown.rstrip("\n")) is not None
