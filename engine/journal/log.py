"""What the engine asks of a log, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..model.decode import Decoded
from ..model.envelope import Chunk


class Reader(Protocol):
    """One destination's place in the log: it holds every chunk from where it started until it releases it."""

    async def read(self, number: int) -> Chunk | None:
        """The chunk that begins at `number`, or None at the end of the log."""
        ...

    def release(self, chunk: Chunk) -> None:
        """This reader needs `chunk` no more: all of it is settled, or held elsewhere. To say so again changes nothing."""
        ...

    def close(self) -> None:
        """This reader holds nothing any more."""
        ...


class Log(Protocol):
    """Numbers events, stores them, hands them to readers."""

    @property
    def end(self) -> int:
        """One past the last number given."""
        ...

    def subscribe(self, *, oldest: bool = False) -> tuple[Reader, int]:
        """A new reader, and the number it starts at: the end, or the oldest chunk still held."""
        ...

    async def append(self, decoded: Decoded, source: str) -> Chunk:
        """Stores the events; waits for room. Returns once they are as durable as this log makes them.

        Before it returns, every reader's owner has been told (`on_stored`), in the order of numbers. Raises `Closed` after
        `close`. A cancelled append stored nothing, or all of it.
        """
        ...

    def close(self) -> None:
        """Takes no more events; callers that wait for room get `Closed`."""
        ...


OnStored = Callable[[Chunk], None]
