"""One value per event of a chunk, made once for all destinations, and only when the first of them asks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from ..model.envelope import Chunk, Envelope
from ..model.event import Event
from ..privacy.consent import Granted, granted
from .reader import UNDECODABLE, Reader

_integrations_of = attrgetter("event.integrations")
_line_of = attrgetter("line")
_source_of = attrgetter("receipt.source")
_kind_of = attrgetter("event.type", "event.event")

Kind: TypeAlias = tuple[str | None, str | None]
"""`type` and `event` of an event, which decide most triggers."""

H = TypeVar("H", bound=Hashable)
V = TypeVar("V")


class Column(Generic[H]):
    """The values in the order of the events, and the few different ones among them."""

    __slots__ = ("distinct", "values")

    def __init__(self, values: Sequence[H]) -> None:
        self.values = values
        self.distinct = frozenset(values)


class Views(msgspec.Struct, frozen=True):
    """What the reader saw of each event; None for one that it could not decode."""

    values: list[Any]
    complete: bool


class Columns:
    """The columns of one chunk."""

    def __init__(self, chunk: Chunk, reader: Reader) -> None:
        self.chunk = chunk
        self._reader = reader

    @cached_property
    def sources(self) -> Column[str]:
        """The names of the ingresses that the events came through."""
        return Column(list(map(_source_of, self.chunk.envelopes)))

    @cached_property
    def granted(self) -> Column[Granted]:
        """What the user of each event consented to."""
        return Column([granted(envelope.event) for envelope in self.chunk.envelopes])

    @cached_property
    def integrations_said(self) -> frozenset[bytes]:
        """The different `integrations` objects that say something: none or `{}` is usual, and seen by its length."""
        said: Iterable[bytes] | None = self.chunk.integrations
        if said is None:
            said = map(bytes, map(_integrations_of, self.chunk.envelopes))
        return frozenset(text for text in said if len(text) > len(b"{}"))

    @cached_property
    def integrations(self) -> list[bytes]:
        """The `integrations` object of each event: for who refuses one of those said."""
        return [bytes(envelope.event.integrations) for envelope in self.chunk.envelopes]

    @cached_property
    def kinds(self) -> Column[Kind | None]:
        """Type and event of each; None where only the line can tell (`kind_of`). A chunk's events are of one spec."""
        envelopes = self.chunk.envelopes
        of_the_spec = envelopes and type(envelopes[0].event) is Event
        return Column(list(map(_kind_of if of_the_spec else kind_of, envelopes)))

    @cached_property
    def views(self) -> Views:
        """What the plan's triggers read of each event."""
        try:
            return Views(self._reader.read_all(map(_line_of, self.chunk.envelopes)), complete=True)
        except UNDECODABLE:
            return Views([self._view_or_none(envelope.line) for envelope in self.chunk.envelopes], complete=False)

    @cached_property
    def shares(self) -> list[float]:
        """The place of each event in [0, 1): what sampling compares with the rate."""
        return [share_of(envelope.key) for envelope in self.chunk.envelopes]

    def _view_or_none(self, line: bytes) -> Any:
        try:
            return self._reader.read(line)
        except UNDECODABLE:
            return None


def kind_of(envelope: Envelope) -> Kind | None:
    """Type and event, None where the decoded event does not tell: an `AnyEvent` has None for a number too."""
    event = envelope.event
    kind = (event.type, event.event)
    return kind if type(event) is Event or None not in kind else None


def share_of(key: str) -> float:
    """`key` as a number in [0, 1), evenly spread, the same on every machine and in every version of Python.

    BLAKE2b and not CRC-32: that one is linear, so numbered keys (`log-1`, `log-2`) would be kept in stripes, and a second
    sampling of what a first one kept would not be independent of it. It costs 0.6 us, and only sampled destinations pay.
    """
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


class Remembered(dict[H, V]):
    """The answers of a function, remembered; all forgotten when there are `limit`, which bounds the memory simply."""

    def __init__(self, answer: Callable[[H], V], limit: int = 4096) -> None:
        super().__init__()
        self._answer = answer
        self._limit = limit

    def __missing__(self, key: H) -> V:
        if len(self) >= self._limit:
            self.clear()
        self[key] = value = self._answer(key)
        return value
