"""A `Desk` on the other side of the socket, for commands: `async with connect(folder) as desk`, on asyncio or trio.

Each question has a connection of its own: it costs 0.1 ms, and none can break because it was left idle.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import anyio.to_thread
import httpcore2
import msgspec

from ..errors import NotRunning, Unanswered
from ..journal.desk import BATCH, Added, DestinationRow, LetterCount, LetterQuery, Life, Replay, StoredEvent, Unfit
from ..journal.records import DeadLetter, ParkedEvent
from ..telemetry import Delivery, Missed
from .messages import (
    PREFIX,
    Begun,
    Counted,
    Counts,
    Destinations,
    Fault,
    Letters,
    Lives,
    Parked,
    RecentDeliveries,
    Refusal,
    Replays,
    StoredEvents,
    error_of,
)
from .place import find_place

T = TypeVar("T")
Parameters = Sequence[tuple[str, object]]

ANSWER_S = 10.0
"""For the first question, which is asked to see who is there; the engine may have to load what it answers with."""
_IMPORT_BYTES = 4 * 2**20


@asynccontextmanager
async def connect(folder: Path) -> AsyncIterator[RemoteDesk]:
    """The desk of the engine that runs on `folder`. Raises NotRunning if none does, Unanswered, and what `find_place` raises."""
    path = await anyio.to_thread.run_sync(find_place, folder)
    async with httpcore2.AsyncConnectionPool(uds=str(path), max_keepalive_connections=0) as pool:
        desk = RemoteDesk(pool)
        await desk.status(ANSWER_S)
        yield desk


class RemoteDesk:
    """See `Desk`; every method may raise NotRunning and Unanswered, too."""

    def __init__(self, pool: httpcore2.AsyncConnectionPool) -> None:
        self._pool = pool

    async def status(self, timeout_s: float | None = None) -> dict[str, Any]:
        """How the engine stands."""
        return await self._get("/status", dict[str, Any], timeout_s=timeout_s)

    # What is delivered -------------------------------------------------------------------------------------------

    async def deliveries(
        self, destination: str | None = None, *, limit: int = 50, failed: bool = False
    ) -> list[Delivery]:
        """Recent attempts, the newest first."""
        parameters: list[tuple[str, object]] = [("limit", limit), ("failed", str(failed).lower())]
        parameters += [("destination", destination)] if destination is not None else []
        return (await self._get("/deliveries", RecentDeliveries, parameters)).deliveries

    async def follow(self, destination: str | None = None, *, last: int = 0) -> AsyncGenerator[Delivery | Missed, None]:
        """The `last` attempts and those to come, until the engine ends. Close it (`aclosing`)."""
        parameters = [("last", str(last)), *([("destination", destination)] if destination is not None else [])]
        url = _url(f"/deliveries/stream?{urlencode(parameters)}")
        with _translated():
            async with self._pool.stream("GET", url, headers=[("Host", "localhost")], extensions=_TIMEOUTS) as response:
                if response.status >= 300:
                    await response.aread()
                    raise _error(response)
                rest = b""
                with suppress(httpcore2.NetworkError, httpcore2.RemoteProtocolError):  # killed is ended, too
                    async with aclosing(response.aiter_stream()) as stream:
                        async for data in stream:
                            *lines, rest = (rest + data).split(b"\n")
                            for line in lines:
                                yield _heard(line)

    # Dead letters ------------------------------------------------------------------------------------------------

    async def count(self, query: LetterQuery) -> list[LetterCount]:
        """See `Desk`."""
        return (await self._get("/letters/count", Counts, _parameters(query))).counts

    async def letters(self, query: LetterQuery, *, after: int = 0, limit: int = BATCH) -> list[DeadLetter]:
        """See `Desk`. `limit` is at most `BATCH`."""
        parameters = [*_parameters(query), ("after", after), ("limit", limit)]
        return (await self._get("/letters", Letters, parameters)).letters

    async def letter(self, id: int) -> DeadLetter:
        """See `Desk`."""
        return await self._get(f"/letters/{id}", DeadLetter)

    async def patch(self, id: int, line: bytes) -> DeadLetter:
        """See `Desk`."""
        return await self._put(f"/letters/{id}", DeadLetter, msgspec.json.encode({"event": msgspec.Raw(line)}))

    async def add(self, letters: Sequence[DeadLetter]) -> Added:
        """See `Desk`. Many go in several requests: if one fails, those before it are in, and are passed over the next time."""
        count, refused = 0, list[Unfit]()
        for first, body in _bodies(letters):
            added = await self._post("/letters", Added, body)
            count += added.count
            refused += [Unfit(first + one.position, one.why) for one in added.refused]
        return Added(count, refused)

    async def purge(self, query: LetterQuery) -> int:
        """See `Desk`."""
        return (await self._post("/letters/purge", Counted, msgspec.json.encode(query))).count

    # Replays and events ------------------------------------------------------------------------------------------

    async def replay(self, replay: Replay, *, dry_run: bool = False) -> tuple[int, int]:
        """See `Desk`."""
        body = msgspec.json.encode({"replay": replay, "dry_run": dry_run})
        begun = await self._post("/replays", Begun, body)
        return begun.id, begun.events

    async def replays(self) -> list[Replay]:
        """See `Desk`."""
        return (await self._get("/replays", Replays)).replays

    async def explain(self, message_id: str) -> list[Life]:
        """See `Desk`."""
        return (await self._get(f"/events/{_part(message_id)}", Lives)).events

    async def latest(self, limit: int = BATCH) -> list[StoredEvent]:
        """See `Desk`. `limit` is at most `BATCH`."""
        return (await self._get("/events", StoredEvents, [("limit", limit)])).events

    # Destinations ------------------------------------------------------------------------------------------------

    async def destinations(self) -> list[DestinationRow]:
        """See `Desk`."""
        return (await self._get("/destinations", Destinations)).destinations

    async def parked(self, destination: str, *, after: int = 0, limit: int = BATCH) -> list[ParkedEvent]:
        """See `Desk`. `limit` is at most `BATCH`."""
        path = f"/destinations/{_part(destination)}/parked"
        return (await self._get(path, Parked, [("after", after), ("limit", limit)])).parked

    async def pause(self, destination: str) -> None:
        """See `Desk`."""
        await self._post(f"/destinations/{_part(destination)}/pause", type(None))

    async def resume(self, destination: str) -> None:
        """See `Desk`."""
        await self._post(f"/destinations/{_part(destination)}/resume", type(None))

    async def forget(self, destination: str) -> None:
        """See `Desk`."""
        await self._post(f"/destinations/{_part(destination)}/forget", type(None))

    # Over the wire -----------------------------------------------------------------------------------------------

    async def _get(self, path: str, kind: type[T], parameters: Parameters = (), *, timeout_s: float | None = None) -> T:
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        return msgspec.json.decode(await self._ask("GET", target, b"", timeout_s), type=kind)

    async def _post(self, path: str, kind: type[T], body: bytes = b"") -> T:
        return msgspec.json.decode(await self._ask("POST", path, body) or b"null", type=kind)

    async def _put(self, path: str, kind: type[T], body: bytes) -> T:
        return msgspec.json.decode(await self._ask("PUT", path, body), type=kind)

    async def _ask(self, method: str, target: str, body: bytes, timeout_s: float | None = None) -> bytes:
        headers = [("Host", "localhost"), ("Content-Length", str(len(body)))]
        timeout = {"timeout": {"connect": ANSWER_S, "read": timeout_s}}
        with _translated():
            response = await self._pool.request(method, _url(target), headers=headers, content=body, extensions=timeout)
        if response.status >= 300:
            raise _error(response)
        return response.content


_TIMEOUTS = {"timeout": {"connect": ANSWER_S, "read": None}}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
        raise NotRunning(f"no engine answers: {error}") from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as error:
        raise Unanswered(f"the engine gave no answer: {str(error) or type(error).__name__}") from None


def _url(target: str) -> httpcore2.URL:
    return httpcore2.URL(scheme="http", host="localhost", port=None, target=PREFIX + target)


def _heard(line: bytes) -> Delivery | Missed:
    fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    return msgspec.json.decode(line, type=Missed if "missed" in fields else Delivery)


def _error(response: httpcore2.Response) -> Exception:
    try:
        fault = msgspec.json.decode(response.content, type=Refusal).error
    except msgspec.DecodeError:
        fault = Fault("http", f"HTTP {response.status}")
    return error_of(fault) or Unanswered(f"the engine could not answer: {fault.message}")


def _parameters(query: LetterQuery) -> list[tuple[str, object]]:
    fields = msgspec.structs.asdict(query) | {"ids": None if query.ids is None else ",".join(map(str, query.ids))}
    return [(name, value) for name, value in fields.items() if value is not None]


def _bodies(letters: Sequence[DeadLetter]) -> Iterator[tuple[int, bytes]]:
    """JSON of a few MiB each, so that the engine delivers in between; and the position of the first letter in it."""
    first = 0
    some: list[bytes] = []
    for position, letter in enumerate(map(msgspec.json.encode, letters)):
        if some and sum(map(len, some)) + len(letter) > _IMPORT_BYTES:
            yield first, _joined(some)
            first, some = position, []
        some.append(letter)
    if some:
        yield first, _joined(some)


def _joined(letters: list[bytes]) -> bytes:
    return b'{"letters":[' + b",".join(letters) + b"]}"


def _part(text: str) -> str:
    """As one part of a path."""
    return quote(text, safe="")
