"""A destination's page in a journal on disk: what was noted since the last commit, until the next one takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from ..model.envelope import Chunk, Envelope, Receipt
from ..model.outcome import Failure
from ..privacy import redacted
from .commits import Found
from .memory import EVENT_OVERHEAD_BYTES
from .plans import PlanRecord
from .records import Attempt, Changes, DeadLetter, Gap, ParkedEvent, Position, Result, Standing, Try, Waiting, ranges_of


class Books(Protocol):
    """What an account asks of the log that it is a page of."""

    def took(self, chunk: Chunk) -> None: ...
    def note(self, account: DiskAccount) -> None: ...
    async def write_down(self, account: DiskAccount) -> None: ...
    def remove(self, account: DiskAccount) -> None: ...
    async def read(self, number: int) -> Chunk | Gap | None: ...
    async def expiry(self, number: int, size_bytes: int, before: float) -> tuple[int, int]: ...
    async def received_at(self, number: int) -> float | None: ...
    def aged(self, envelopes: Iterable[Envelope], before: float) -> list[Envelope]: ...
    def restored(self, first: int, lines: Sequence[bytes], receipt: Receipt) -> list[Envelope]: ...
    def receipt(self, source: str, received: float) -> Receipt: ...
    def utc_of(self, monotonic: float | None) -> float: ...


class DiskAccount:
    """See `Account`."""

    def __init__(self, log: Books, found: Found) -> None:
        self.name = found.name
        self.position = found.position
        self.is_new = found.is_new
        self.standing = found.standing
        self.parked = found.parked
        self._rows = {parked.number: parked for parked in found.parked}
        self._rows_total = sum(self._rows)
        self.backlog_bytes = found.backlog_bytes
        self._log = log
        self._where: Callable[[], Position] = lambda: self.position
        self._parked: dict[int, ParkedEvent | None] = {}
        self._dead: list[DeadLetter] = []
        self._attempts: dict[object, Attempt] = {}
        self._gaps: list[Gap] = []
        self._version, self._plan, self._used_from = "", b"", 0

    # Reading -----------------------------------------------------------------------------------------------------

    async def read(self, number: int) -> Chunk | Gap | None:
        """See `Account`."""
        return await self._log.read(number)

    def envelope(self, parked: ParkedEvent) -> Envelope:
        """See `Account`."""
        receipt = self._log.receipt(parked.source, parked.received)
        if parked.origin:
            receipt = msgspec.structs.replace(receipt, origin=parked.origin)
        return self._log.restored(parked.number, [parked.line], receipt)[0]

    async def backlog_since(self) -> float | None:
        """See `Account`."""
        return await self._log.received_at(self._where().scan)

    async def expiry(self, size_bytes: int, before: float) -> tuple[int, int]:
        """See `Account`."""
        return await self._log.expiry(self._where().scan, size_bytes, before)

    def aged(self, envelopes: Iterable[Envelope], before: float) -> list[Envelope]:
        """See `Account`."""
        return self._log.aged(envelopes, before)

    # Noting ------------------------------------------------------------------------------------------------------

    def follow(self, position: Callable[[], Position]) -> None:
        """See `Account`."""
        self._where = position

    def took(self, chunk: Chunk) -> None:
        """See `Account`."""
        self.backlog_bytes = max(0, self.backlog_bytes - stored_bytes(chunk))
        self._log.took(chunk)
        self._log.note(self)

    def skipped(self, size_bytes: int) -> None:
        """See `Account`."""
        self.backlog_bytes = max(0, self.backlog_bytes - size_bytes)

    def moved(self) -> None:
        """See `Account`."""
        self._log.note(self)

    def release(self, chunk: Chunk) -> None:
        """See `Account`. The cursor says it all."""

    def park(
        self,
        envelope: Envelope,
        *,
        due: float,
        waited_s: float,
        attempts: int,
        tries: list[Try],
        replay: int | None,
        actions: Sequence[str] = (),
    ) -> None:
        """See `Account`."""
        self._rows_total += 0 if envelope.number in self._rows else envelope.number
        self._parked[envelope.number] = self._rows[envelope.number] = ParkedEvent(
            number=envelope.number,
            line=envelope.line,
            source=envelope.receipt.source,
            received=envelope.receipt.received,
            due=self._log.utc_of(due),
            waited_s=waited_s,
            attempts=attempts,
            tries=tries,
            replay=replay,
            actions=list(actions),
            origin=envelope.receipt.origin,
        )
        self._log.note(self)

    def adopted(self, rows: Sequence[ParkedEvent]) -> None:
        """See `Account`."""
        self._rows |= {row.number: row for row in rows}
        self._rows_total = sum(self._rows)

    def unpark(self, number: int) -> None:
        """See `Account`."""
        self._parked[number] = None
        self._rows_total -= number if self._rows.pop(number, None) else 0
        self._log.note(self)

    def bury(
        self,
        envelope: Envelope,
        failure: Failure,
        tries: list[Try],
        version: str,
        *,
        action: str = "",
        mapping: str = "",
    ) -> None:
        """See `Account`."""
        now = self._log.utc_of(None)
        letter = DeadLetter(
            destination=self.name,
            number=envelope.number,
            message_id=envelope.event.messageId,
            type=envelope.event.type,
            event=envelope.event.event,
            line=envelope.line,
            source=envelope.receipt.source,
            received=envelope.receipt.received,
            reason=failure.reason,
            status=failure.status,
            excerpt=redacted(failure.detail),
            tries=tries,
            version=version,
            action=action or None,
            mapping=mapping,
            first_at=tries[0].at if tries else now,
            last_at=now,
            origin=envelope.origin,
        )
        self._dead.append(letter)
        self._log.note(self)

    def tried(
        self,
        result: Result,
        envelopes: Sequence[Envelope],
        *,
        began: float,
        reason: str = "",
        status: int | None = None,
        tries: int = 1,
        action: str = "",
        mapping: str = "",
    ) -> None:
        """See `Account`."""
        at = self._log.utc_of(began)
        took_ms = max(0, round((self._log.utc_of(None) - at) * 1000))
        ranges = ranges_of([envelope.number for envelope in envelopes])
        key = (result, reason, status, tries, action, mapping, 0.0 if result == "delivered" else at)
        attempt = self._attempts.get(key)
        if attempt is None:
            self._attempts[key] = Attempt(at, took_ms, result, reason, status, tries, ranges, action, mapping)
        else:
            attempt.took_ms = max(attempt.took_ms, took_ms)
            attempt.ranges += ranges
        self._log.note(self)

    def missed(self, gap: Gap) -> None:
        """See `Account`."""
        self._gaps.append(gap)
        self._log.note(self)

    def uses(self, version: str, plan: PlanRecord) -> None:
        """See `Account`."""
        self._version, self._plan, self._used_from = version, msgspec.json.encode(plan), self._where().scan
        self._log.note(self)

    def stand(self, standing: Standing) -> None:
        """See `Account`."""
        self.standing = standing
        self._log.note(self)

    async def write_down(self) -> None:
        """See `Account`."""
        await self._log.write_down(self)

    def close(self) -> None:
        """See `Account`. What is known of it stays in the file, and is there again should it come back."""
        self._log.remove(self)

    # The log's side ----------------------------------------------------------------------------------------------

    def where(self) -> Position:
        """Its cursor, now."""
        return self._where()

    def found(self) -> Found:
        """How it stands, for one that takes its place."""
        return Found(
            name=self.name,
            position=self._where(),
            standing=self.standing,
            parked=list(self._rows.values()),
            backlog_bytes=self.backlog_bytes,
        )

    def changes(self) -> Changes:
        """All that was noted; from here on it is the commit's."""
        changes = Changes(
            name=self.name,
            position=self._where(),
            standing=msgspec.structs.replace(self.standing, waiting=Waiting(len(self._rows), self._rows_total)),
            parked=self._parked,
            dead=self._dead,
            attempts=list(self._attempts.values()),
            gaps=self._gaps,
            version=self._version,
            plan=self._plan,
            used_from=self._used_from,
        )
        self._parked, self._dead, self._attempts, self._gaps = {}, [], {}, []
        self._version, self._plan = "", b""
        return changes

    def __repr__(self) -> str:
        return f"<DiskAccount {self.name} at {self._where().watermark}, {self.backlog_bytes} bytes behind>"


def stored_bytes(chunk: Chunk) -> int:
    """About what `chunk` takes in the file."""
    return chunk.size_bytes - (EVENT_OVERHEAD_BYTES - 1) * len(chunk.envelopes)
