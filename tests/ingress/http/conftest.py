"""An HTTP ingress on loopback with an intake that decodes as the pipeline does, and a client that says exactly what it is told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from doorstep.engine.errors import Closed
from doorstep.engine.ingress import HttpIngress, HttpSettings, open_ingress
from doorstep.engine.model import LineDecoder, Lines
from doorstep.engine.pipeline import Acceptance
from doorstep.engine.settings import decode_hook

LIMIT = 32 * 1024


class Store:
    """Decodes and keeps. With `hold` set to an event, each call waits for it; with `closed`, each is refused."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.sources: list[str] = []
        self.rejected: list[tuple[int, str]] = []
        self.hold: anyio.Event | None = None
        self.held = 0
        """Calls that had to wait for it."""
        self.closed = False
        self.has_room = True
        self._decoder = LineDecoder("segment", LIMIT)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    async def accept(self, read: Lines, source: str) -> Any:
        raise AssertionError("HTTP waits for what it answers")

    async def submit(self, read: Lines, source: str) -> Acceptance:
        if self.closed:
            raise Closed
        if self.hold is not None:
            self.held += 1
            await self.hold.wait()
        await anyio.lowlevel.checkpoint()
        decoded = self._decoder.decode(read)
        self.lines += decoded.lines
        self.sources.append(source)
        self.rejected += [(one.number, one.reason) for one in decoded.rejected]
        return Acceptance(len(decoded.lines), decoded.rejected)


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection."""

    def __init__(self, stream: anyio.abc.ByteStream) -> None:
        self.stream = stream
        self._inbox = b""

    async def ask(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> Answer:
        """A request with its length, and its answer."""
        await self.send(path, body, headers, method)
        return await self.answer()

    async def send(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> None:
        fields = {"Host": "doorstep.test", "Content-Length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await self.stream.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)

    async def answer(self) -> Answer:
        """The next answer. Raises EndOfStream, or an error, if the server has gone."""
        while b"\r\n\r\n" not in self._inbox:
            self._inbox += await self.stream.receive()
        head, _, self._inbox = self._inbox.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        size = int(headers.get("content-length", "0"))
        while len(self._inbox) < size:
            self._inbox += await self.stream.receive()
        body, self._inbox = self._inbox[:size], self._inbox[size:]
        return Answer(int(first.split()[1]), headers, body)

    async def is_closed(self) -> bool:
        """Waits until the server ends the connection."""
        try:
            while await self.stream.receive():
                pass
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return True
        return False


class Server:
    """An ingress that runs, and clients of it."""

    def __init__(self, ingress: HttpIngress, store: Store) -> None:
        self.ingress, self.store = ingress, store

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        host, port = self.ingress.addresses[0].rsplit(":", 1)
        async with await anyio.connect_tcp(host, int(port)) as stream:
            yield Client(stream)

    async def ask(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> Answer:
        """On a connection of its own."""
        async with self.client() as client:
            return await client.ask(path, body, headers, method)


Serve = Callable[..., AbstractAsyncContextManager[Server]]


@pytest.fixture
def serve() -> Serve:
    """`async with serve(keys=[...]) as server`: what is given is as in the configuration file."""

    @asynccontextmanager
    async def serving(store: Store | None = None, **settings: Any) -> AsyncIterator[Server]:
        written = {"type": "http", "listen": "127.0.0.1:0", **settings}
        ingress = open_ingress(msgspec.convert(written, HttpSettings, dec_hook=decode_hook), max_event_bytes=LIMIT)
        assert isinstance(ingress, HttpIngress)
        server = Server(ingress, store or Store())
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ingress.run, server.store)
                yield server
                ingress.stop()

    return serving


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture(scope="session")
def captured() -> list[dict[str, Any]]:
    """Requests of released clients, as they were sent."""
    file = Path(__file__).parents[2] / "data" / "sdk-requests.jsonl"
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]
