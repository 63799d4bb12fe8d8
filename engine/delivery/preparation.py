"""What is to be done to a destination's events before it sees them, as one value: part of a plan. `preparing` does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec

from ..model.batch import Batch
from ..model.decode import LineDecoder
from ..model.envelope import Envelope
from ..model.outcome import Outcome

Inserted: TypeAlias = list[bytes | Outcome]


class Inserter(Protocol):
    """An insert function: from each event of a batch, in order, to its new bytes, or to its end."""

    async def open(self) -> None: ...
    async def transform(self, batch: Batch) -> Inserted: ...
    async def close(self) -> None: ...


class Preparation(msgspec.Struct, frozen=True, kw_only=True):
    """What is done, of one plan."""

    permits: Callable[[Envelope], bool] | None = None
    """Consent; None if none is asked for."""
    without_fields: Callable[[bytes], bytes] | None = None
    inserters: tuple[Inserter, ...] = ()
    decoder: LineDecoder = msgspec.field(default_factory=LineDecoder)
    """For events that a function made: they have to be events still."""

    def __bool__(self) -> bool:
        return self.permits is not None or self.without_fields is not None or bool(self.inserters)
