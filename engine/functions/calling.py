"""One call of a user's code, and what it comes to: whatever it raises or returns becomes an outcome, with the line it came from.

    envelope -> decode -> handler -> (its value -> `finish`) | (what it raised -> one table) -> Outcome, or the bytes of a changed event

Two things pass through: OutOfTime and the loop's cancellation, whose meaning only `host` knows.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Sequence
from pathlib import PurePath
from typing import Any, TypeAlias

import msgspec

from ..errors import (
    DestinationError,
    DropEvent,
    EventNotSupported,
    Fault,
    FetchError,
    InvalidEventPayload,
    RetryError,
)
from ..model.envelope import Envelope
from ..model.outcome import DELIVERED, Failure, Filtered, Outcome, Raised, Rejected, Retry
from ..secret import Secret
from ..text import storable
from .context import Context
from .event import Event, decode
from .function import FunctionSettings, Handler, Values
from .interrupt import OutOfTime, place_of_error

_log = logging.getLogger("doorstep.functions")

Result: TypeAlias = Outcome | bytes
"""Bytes: the event as it is to go on."""
Answer: TypeAlias = list[Result] | Failure

NOT_SUPPORTED = Filtered("not_supported")
DROPPED = Filtered("dropped_by_function")
_LONGEST_MESSAGE = 300
_SHORTEST_SECRET = 4
_MASK = "***"


class WrongResult(Exception):
    """A handler returned what it must not."""


class Finish:
    """What is made of the values that handlers return. This one is a destination's: events are delivered by being handled."""

    nothing: Outcome = DELIVERED
    """Of a handler for one event that returned None, as most do: asked for by itself, since a call costs 0.1 us."""

    def one(self, handler: Handler, returned: Any) -> Result:
        """Of a handler for one event; the value is for the tester only."""
        return DELIVERED

    def all(self, handler: Handler, returned: Any, events: Sequence[Event]) -> list[Result]:
        """Of `on_batch`: None, or one answer per event by position. Raises WrongResult."""
        raise NotImplementedError

    def doubt(self, handler: Handler, returned: Any) -> str:
        """Of `on_batch`: what is hardly meant by a value that is taken all the same, and what would be right; "" for nothing."""
        return ""


class Waits(msgspec.Struct, frozen=True):
    """A call that has begun and is not over: what an `async def` returned."""

    handler: Handler
    returned: Awaitable[Any]


class Caller:
    """Calls the handlers of one function under given settings."""

    def __init__(self, name: str, settings: FunctionSettings, finish: Finish) -> None:
        self.function = settings.function
        self._complaints = Complaints(name)
        self.has_batch = self.function.on_batch is not None
        self._values = Values(settings)
        self._secrets = sorted(_secrets(settings), key=len, reverse=True)
        self._handlers = self.function.handlers
        self._finish = finish

    def __repr__(self) -> str:
        return f"<Caller of {self.function.path}>"

    def begin(self, envelope: Envelope, ctx: Context) -> Result | Waits:
        """Calls the handler for the type of one event. No coroutine: most handlers wait for nothing."""
        handler = self._handlers.get(envelope.event.type or "")
        if handler is None:
            return NOT_SUPPORTED
        try:
            returned = handler.call(decode(envelope.line), self._values, ctx)
            if returned is None:
                return self._finish.nothing
            # `inspect.isawaitable` would take 0.5 us, an event asked for what it has not 1 us.
            if type(returned) is not Event and hasattr(returned, "__await__"):
                return Waits(handler, returned)
            ctx.returned = returned
            return self._finish.one(handler, returned)
        except (OutOfTime, asyncio.CancelledError):
            raise
        except BaseException as error:
            return self._outcome(handler, error, ctx)

    async def end(self, waits: Waits, ctx: Context) -> Result:
        """What comes of a call that waits for something."""
        handler = waits.handler
        try:
            returned: Any = waits.returned
            while hasattr(returned, "__await__") and type(returned) is not Event:
                returned = await returned
            ctx.returned = returned
            return self._finish.one(handler, returned)
        except (OutOfTime, asyncio.CancelledError):
            raise
        except BaseException as error:
            return self._outcome(handler, error, ctx)

    async def all(self, envelopes: Sequence[Envelope], ctx: Context) -> Answer:
        """Calls `on_batch` once for all of them."""
        handler = self.function.on_batch
        assert handler is not None
        results: list[Any] = [None] * len(envelopes)
        events: dict[int, Event] = {}
        for position, envelope in enumerate(envelopes):
            try:
                events[position] = decode(envelope.line)
            except InvalidEventPayload as error:
                results[position] = self._outcome(handler, error, ctx)
        try:
            given = list(events.values())
            returned: Any = handler.call(list(given), self._values, ctx) if given else None
            while hasattr(returned, "__await__"):  # also what a coroutine returned without awaiting it
                returned = await returned
            ctx.returned = returned
            for position, result in zip(events, self._finish.all(handler, returned, given), strict=True):
                results[position] = result
            if doubt := self.doubt_of(returned):
                self._complaints.doubt(doubt)
            return results
        except (OutOfTime, asyncio.CancelledError):
            raise
        except BaseException as error:
            return self.of_all(self._outcome(handler, error, ctx), len(envelopes))

    def doubt_of(self, returned: Any) -> str:
        """What is hardly meant by what `on_batch` returned, with its line; "" for nothing."""
        handler = self.function.on_batch
        if handler is None or not (doubt := self._finish.doubt(handler, returned)):
            return ""
        return f"{doubt} ({self._first_line(handler)})"

    def out_of_time(self, place: str, limit_s: float, ctx: Context) -> Raised:
        """What becomes of a call that did not end within its time; `place` is where it was."""
        where = f" ({place})" if place else ""
        self._complaints.note("out of time", place)
        return Raised("function_timeout", self._told(f"took longer than {limit_s:g} s{where}", ctx))

    def cancelled(self, ctx: Context) -> Raised:
        """What becomes of a call that its own code has cancelled."""
        self._complaints.note("CancelledError", "")
        return Raised("function_error", self._told("CancelledError: cancelled from inside", ctx))

    def _outcome(self, handler: Handler, error: BaseException, ctx: Context) -> Outcome:
        """The table of what a function may raise (DESIGN.md, section 4, outcome classes)."""
        ctx.error = error
        if isinstance(error, EventNotSupported):
            return NOT_SUPPORTED
        if isinstance(error, DropEvent):
            return DROPPED
        place = self._place(handler, error)
        kind = type(error).__name__
        text = str(error) if isinstance(error, WrongResult) else f"{kind}: {_text(error)}".removesuffix(": ")
        detail = self._told(f"{text} ({place})", ctx)
        if isinstance(error, RetryError):
            return Retry(storable(error.code), error.after, detail)
        if isinstance(error, FetchError):
            return Retry(storable(f"fetch_{error.reason}"), None, detail)
        if isinstance(error, DestinationError) and error.fault is Fault.EVENT:
            return Rejected(storable(error.code), detail)
        self._complaints.note(kind, place)
        return Raised("function_result" if isinstance(error, WrongResult) else "function_error", detail)

    def of_all(self, outcome: Outcome, count: int) -> Answer:
        """What `on_batch` raised speaks of the whole batch: it may be halved to find the culprit."""
        match outcome:
            case Rejected(reason, detail):
                return Failure(Fault.EVENT, reason, detail=detail)
            case Retry(reason, after, detail):
                return Failure(Fault.TRANSIENT, reason, after=after, detail=detail)
            case Raised(reason, detail):
                return Failure(Fault.FUNCTION, reason, detail=detail)
            case _:
                return [outcome] * count

    def _place(self, handler: Handler, error: BaseException) -> str:
        """The line that raised, or for a wrong value the handler's first."""
        place, _ = place_of_error(error, self.function.path)
        return place or self._first_line(handler)

    def _first_line(self, handler: Handler) -> str:
        return f"{PurePath(self.function.path).name}:{handler.line} in {handler.name}"

    def _told(self, message: str, ctx: Context) -> str:
        """With what the call logged, without the secrets that either may hold, and as text that can be kept."""
        text = f"{message}\n{ctx.logged}".rstrip("\n")
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return storable(text)


class Complaints:
    """Says in the log that a function fails, at the 1st, 10th, 100th ... time in one place. Never what it said: that may be personal."""

    MAX_PLACES = 100

    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: Counter[tuple[str, str]] = Counter()
        self._has_doubted = False

    def doubt(self, message: str) -> None:
        """Of what is no failure, once."""
        if not self._has_doubted:
            self._has_doubted = True
            facts = {"function": self._name, "doubt": message}
            _log.warning("a function does what is hardly meant", extra={"facts": facts})

    def note(self, kind: str, place: str) -> None:
        """From the thread that the function runs in, or the one that watches it."""
        if len(self._counts) >= self.MAX_PLACES and (kind, place) not in self._counts:
            return
        self._counts[kind, place] = count = self._counts[kind, place] + 1
        if count == 10 ** (len(str(count)) - 1):
            facts = {"function": self._name, "error": kind, "at": place, "count": count}
            _log.warning("a function fails", extra={"facts": facts})


def _text(error: BaseException) -> str:
    """What an error says of itself: a stranger's code, too."""
    try:
        text = str(error)
    except Exception as another:
        return f"(its text cannot be made: {type(another).__name__})"
    text = " ".join(text[: 2 * _LONGEST_MESSAGE].split())
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "..."


def _secrets(settings: FunctionSettings) -> list[str]:
    found: list[str] = []
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
        found += [part.reveal() for part in parts if isinstance(part, Secret)]
    return [secret for secret in found if len(secret) >= _SHORTEST_SECRET]
