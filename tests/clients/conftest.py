"""Doorstep as a process on a port that it keeps, something in front that misbehaves, and released clients that nobody here wrote."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

HERE = Path(__file__).parent
SENDERS = HERE / "senders"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def until(condition: Any, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)


class Doorstep:
    """What it delivers is appended to a file, by one process after another."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.out = folder / "events.ndjson"
        self.config = folder / "doorstep.toml"
        self.config.write_text(
            f'[engine]\ndata_dir = "{folder}/data"\n[[ingress]]\ntype = "http"\nlisten = "127.0.0.1:{self.port}"\n'
            'keys = [{ key = "wk-client", name = "web" }]\n[destinations.out]\ntype = "console"\n'
        )
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "doorstep.engine.cli", "run", "-c", str(self.config), *arguments]
        with self.out.open("ab") as out:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)

    def start(self) -> None:
        self.process = self.run()
        until(self.is_listening, 20, "the engine to listen")

    def is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(40) == 0
        self.process = None

    def events(self) -> list[dict[str, Any]]:
        """Whatever was accepted, delivered to its end."""
        self.stop()
        assert self.run("--no-input").wait(40) in (0, 3)
        return [json.loads(line) for line in self.out.read_text("utf-8").splitlines()]

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Front:
    """A proxy. Of the posts, every 7th is answered 429 and every 11th 500 without asking, every 13th 500 after it was accepted."""

    def __init__(self, port: int) -> None:
        self.posts = itertools.count(1)
        self.forwarded = 0
        self.refused: list[int] = []
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                number = next(front.posts) if self.command == "POST" else 1
                if number % 7 == 0:
                    return self.answer(429, b"{}", [("Retry-After", "1")])
                if number % 11 == 0:
                    return self.answer(500, b"{}", [])
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                try:
                    connection.request(self.command, self.path, body, dict(self.headers))
                    response = connection.getresponse()
                    content = response.read()
                except OSError:  # it is being restarted
                    self.close_connection = True
                    return None
                finally:
                    connection.close()
                front.forwarded += 1
                if number % 13 == 0:
                    return self.answer(500, b"{}", [])
                return self.answer(response.status, content, response.getheaders())

            do_POST = do_OPTIONS = do_GET

            def answer(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
                if status >= 300:
                    front.refused.append(status)
                self.send_response(status)
                for name, value in headers:
                    if name.lower() != "content-length":
                        self.send_header(name, value)
                if status >= 300:
                    self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def doorstep(tmp_path: Path) -> Iterator[Doorstep]:
    made = Doorstep(tmp_path)
    made.start()
    yield made
    made.close()


@pytest.fixture
def front(doorstep: Doorstep) -> Iterator[Front]:
    made = Front(doorstep.port)
    yield made
    made.close()


@pytest.fixture(scope="session")
def npm() -> Iterator[Path]:
    """A folder with the packages of the lock file."""
    if shutil.which("npm") is None:
        pytest.skip("no npm here: the JavaScript clients are not tried")
    with tempfile.TemporaryDirectory(prefix="clients-") as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SENDERS / name, folder)
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=folder, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield Path(folder)


class Sender:
    """A client at work."""

    def __init__(self, command: list[str], **environment: str) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def wait(self, seconds: float) -> None:
        _, errors = self._process.communicate(timeout=seconds)
        assert self._process.returncode == 0, errors

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def send(request: pytest.FixtureRequest) -> Iterator[Any]:
    """`send(name, url, count)`."""
    made: list[Sender] = []

    def start(name: str, url: str, count: int) -> Sender:
        if name.endswith("_python"):
            sender = Sender([sys.executable, str(SENDERS / f"{name}.py"), url, str(count)])
        elif name == "node":
            folder = str(request.getfixturevalue("npm"))
            sender = Sender(["node", str(SENDERS / "node.mjs"), url, str(count)], CLIENTS_NPM=folder)
        else:
            if CHROMIUM is None:
                pytest.skip("no Chromium here: the browser's client is not tried (Debian: apt-get install chromium)")
            folder = str(request.getfixturevalue("npm"))
            sender = Sender(
                [sys.executable, str(SENDERS / "browser.py"), url, str(count), name],
                CLIENTS_NPM=folder,
                CLIENTS_CHROMIUM=CHROMIUM,
            )
        made.append(sender)
        return sender

    yield start
    for sender in made:
        sender.close()
