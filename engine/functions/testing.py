"""Runs a function in a test, without a socket: what it did with an event, and what the engine would do then.

    tester = FunctionTester("functions/teams.py", {"webhook_url": "https://example.com/in"})
    result = tester.run({"type": "track", "event": "Signed Up", "userId": "u-1", "properties": {"plan": "pro"}})
    assert result.outcome == Delivered()
    assert result.requests[0].url == "https://example.com/in"

The function runs as it does in the engine, in a thread of its own and within its time; only `ctx.fetch` is answered by the test.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeAlias

import anyio
import msgspec

from ..model.batch import Batch
from ..model.decode import Spec
from ..model.exchange import Request, Response
from ..model.outcome import DELIVERED, Failure, Outcome
from ..net import Transport, TransportStatistics
from ..sdk.testing import batch_of
from ..settings import decode_hook
from .calling import Caller
from .context import Context
from .fetching import OpenTransport
from .finishing import DestinationFinish, InsertFinish
from .loading import load_function
from .runtime import LIMIT_S, Bounds, Runtime

Respond: TypeAlias = Response | Callable[[Request], Response]
"""What `ctx.fetch` gets: always the same, or what a function of the request returns. It may raise `TransportError("timeout")`."""

_EMPTY = Response(200, {"content-type": "application/json"}, b"{}")


class FunctionResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a function did with an event."""

    outcome: Outcome | Failure
    """What the engine would do: `Delivered()`, `Filtered("not_supported")`, `Rejected(...)`, `Retry(...)`, `Raised(...)`; a `Failure`
    where `on_batch` raised."""
    event: dict[str, Any] | None = None
    """Of an insert function: the event as it goes on."""
    returned: Any = None
    error: BaseException | None = None
    """What the handler raised."""
    log: str = ""
    """What it said with `ctx.log`, a line each."""
    requests: list[Request] = []
    """What it sent with `ctx.fetch`, in order."""
    responses: list[Response | None] = []
    """What it got for each; None where nothing complete came back."""

    @property
    def detail(self) -> str:
        """The message of a failure, with the line of the function that it came from."""
        return getattr(self.outcome, "detail", "").partition("\n")[0]


class FunctionTester:
    """One function under given settings. Raises ConfigError for an unusable file, `msgspec.ValidationError` for wrong settings."""

    __test__ = False  # pytest: not a class of tests

    def __init__(
        self,
        source: str | os.PathLike[str],
        settings: Mapping[str, Any] | None = None,
        *,
        respond: Respond = _EMPTY,
        insert: bool = False,
        limit_s: float = LIMIT_S,
        spec: Spec = "segment",
    ) -> None:
        """`settings` as a configuration file would hold them; `insert` for an insert function."""
        struct = load_function(os.fspath(source))
        self.settings = msgspec.convert(dict(settings or {}), struct, dec_hook=decode_hook)
        self._caller = Caller(struct.function.path, self.settings, InsertFinish() if insert else DestinationFinish())
        self._limit_s = limit_s
        self._respond = respond
        self._spec = spec

    def __repr__(self) -> str:
        return f"<FunctionTester of {self._caller.function.path} with {self.settings!r}>"

    def run(self, event: Mapping[str, Any] | bytes | str) -> FunctionResult:
        """Calls the handler for one event (a dict, or a line of JSON); `on_batch` with a list of one, if there is one."""
        return self.run_batch(event)[0]

    def run_batch(self, *events: Mapping[str, Any] | bytes | str) -> list[FunctionResult]:
        """Calls `on_batch` with all of them, or the handlers one after the other. Raises ValueError for what is no event."""
        work = partial(
            try_function,
            self._caller,
            batch_of(*events, spec=self._spec),
            limit_s=self._limit_s,
            open_transport=answering(self._respond),
        )
        return _in_a_thread(lambda: anyio.run(work))


async def try_function(
    caller: Caller, batch: Batch, *, limit_s: float, open_transport: OpenTransport
) -> list[FunctionResult]:
    """What a function does with the events of a batch, one after the other, in a thread of its own. For one use."""
    contexts: list[Context] = []
    runtime = Runtime(caller, Bounds(calls=1, limit_s=limit_s), open_transport)
    runtime.open()
    try:
        answer = await runtime.run(batch.envelopes, contexts)
    finally:
        await runtime.close()
    answers = [answer] * len(batch) if isinstance(answer, Failure) else answer
    if caller.has_batch:
        contexts = contexts * len(batch)
    # With one call at a time they are in order; those at the end that were not begun have none.
    rest: list[Context | None] = [None] * (len(batch) - len(contexts))
    return [_result(*pair) for pair in zip(answers, [*contexts, *rest], strict=True)]


def answering(respond: Respond = _EMPTY) -> OpenTransport:
    """A way out that leads nowhere: `respond` answers."""

    async def open_transport() -> Transport:
        return _Answering(respond)

    return open_transport


def _result(answer: Outcome | Failure | bytes, context: Context | None) -> FunctionResult:
    return FunctionResult(
        outcome=DELIVERED if isinstance(answer, bytes) else answer,
        event=msgspec.json.decode(answer) if isinstance(answer, bytes) else None,
        returned=context.returned if context else None,
        error=context.error if context else None,
        log=context.logged if context else "",
        requests=[request for request, _ in (context.exchanges or [])] if context else [],
        responses=[response for _, response in (context.exchanges or [])] if context else [],
    )


def _in_a_thread(work: Callable[[], list[FunctionResult]]) -> list[FunctionResult]:
    """So that it can be called with and without an event loop around."""
    answers: list[list[FunctionResult]] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="doorstep tests a function")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return answers[0]


class _Answering:
    """A transport that answers by itself."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    async def send(self, request: Request, timeout_s: float) -> Response:
        return self._respond if isinstance(self._respond, Response) else self._respond(request)

    async def aclose(self) -> None:
        """There is nothing to close."""

    def statistics(self) -> TransportStatistics:
        raise NotImplementedError("nothing is counted")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
