"""The contract between the engine and a destination: what an author writes, and nothing else.

A destination declares what it is (label, settings, limits) and turns batches into effects in one of two ways:

* a **request destination** is pure: `request` turns a batch into one HTTP request, `sign` stamps it at each attempt, `verdict` reads
  the response. The engine owns the client, the clock, the timeouts, the retries;
* a **sink** does its own I/O: `open`, `write(batch)`, `close`.

Either may raise the errors of this package (`ValidationError`, `RetryError` ...) about the batch in its hands.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from ..model.batch import Batch
from ..model.envelope import Envelope
from ..model.exchange import Request, Response
from ..model.outcome import Judgement, Verdict
from ..settings import Settings
from .oauth import Authority
from .verdict import verdict_by_status


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiver can take: the vendor's figures, used where the user sets none and checked where they do."""

    max_events: int = 500
    """Events a request at most; `batch.max_events` may only be lower."""
    max_bytes: int = 512 * 1024
    """Bytes of events a request at most; of an action, bytes of what it makes of them."""
    max_item_bytes: int | None = None
    """Bytes of one event at most, where that is less: a bigger one is given up without asking."""
    max_wait_s: float = 0.1
    """How long an event waits for company."""
    per_second: float | None = None
    """Events a second; None = no limit known."""
    in_flight: int = 4
    """Requests at a time."""
    timeout_s: float = 15.0
    """How long one of them may take."""
    are_fixed: bool = True
    """Whether more in a request would be refused. False: these are good defaults, and the receiver is the user's own."""


S = TypeVar("S", bound=Settings)


class Destination(Generic[S]):
    """What both kinds have in common. One instance serves one configured destination for one version of its settings."""

    label: ClassVar[str]
    """The public name: what people call the vendor, and its key in an event's `integrations` object."""
    description: ClassVar[str]
    """One sentence for the catalogue."""
    Settings: ClassVar[type[Settings]]
    """The Struct of `settings = { ... }`; the engine decodes it, so that an instance only ever sees valid ones."""
    limits: ClassVar[Limits] = Limits()
    with_actions: ClassVar[type[Destination[Any]] | None] = None
    """What stands in for it where a configuration gives it actions, with the same settings. None: it takes none, or has its own."""

    def __init__(self, settings: S) -> None:
        self.settings = settings

    @classmethod
    def tuned(cls, settings: S) -> Limits:
        """The limits under these settings, where they depend on them (`single` = one event a request)."""
        return cls.limits

    def check(self) -> Request | None:
        """What `doorstep check --online` asks: a request that changes nothing, and whose answer says whether the settings are right,
        or at least (`reach`) whether anybody is there. None: there is none, and nothing is asked.
        """
        return None

    def key(self, envelope: Envelope) -> Hashable:
        """What the events of one batch must have in common (a user, an endpoint). Called once per event if overridden."""
        return None


class RequestDestination(Destination[S]):
    """A destination behind HTTP. Pure: no client, no clock, no state between calls."""

    authority: Authority | None = None
    """Where its tokens come from, if it needs some that expire: set in `__init__`. The engine gets them, puts one on each request
    before `sign`, and sends once more with another when the receiver refuses it."""

    def request(self, batch: Batch) -> Request:
        """The one request that carries the whole batch.

        Raises `ValidationError` or `InvalidEventPayload` for bad events, `EventNotSupported` for those it has no use for; about a
        batch of several, the engine then halves it until the culprits are alone.
        """
        raise NotImplementedError

    def requests(self, batch: Batch) -> Iterable[tuple[Request, Batch]]:
        """The requests of a batch, each with the part of it that it carries: override where one request can't take all.

        An event that is in no part is filtered: the cheap way to pass over types of events that are not for here.
        """
        yield self.request(batch), batch

    def sign(self, request: Request, batch: Batch, at: float) -> Request:
        """The request as it goes out at `at` (UTC, seconds since the epoch): called right before every attempt, retries included.

        The place for whatever depends on the time (`signing`), since `request` may be called long before, and only once.
        """
        return request

    def verdict(self, response: Response, batch: Batch) -> Judgement:
        """What the response says about the part it answers. The default knows only status codes (`verdict_by_status`); `reported` adds
        how much was taken, where that is said."""
        return verdict_by_status(response)


class Sink(Destination[S]):
    """A destination that does its own I/O: a file, a table, a queue. Its methods run in the engine's loop and must not block it.

    Whatever a sink names, it names after `batch.first`, so that a batch written again overwrites itself.
    """

    keeps_time: ClassVar[bool] = False
    """Whether `write` ends in time by itself; if not, it is cancelled after the destination's `timeout`."""

    def check(self) -> None:
        """What `doorstep check --online` asks: raises OSError, ValueError or `DestinationError` where it could not write. Changes
        nothing, and is called in a thread, since it may block."""

    async def open(self) -> None:
        """Called before the first `write`, and again after a crash or a `close`. May raise; the engine retries."""

    async def write(self, batch: Batch) -> Verdict:
        """Returns once the batch is as safe as this sink can make it."""
        raise NotImplementedError

    async def close(self) -> None:
        """Called once after `open`, also when that failed halfway. Must not raise."""


def reach(url: str, headers: Mapping[str, str] = {}) -> Request:
    """For `check`, where the vendor has nothing better to ask: a HEAD, by which HTTP promises that nothing changes."""
    return Request("HEAD", url, headers)
