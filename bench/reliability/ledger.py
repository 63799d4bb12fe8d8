"""What producers handed over and what was acknowledged: one byte an id each. Several producers may write to one, each its own ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_MOST = 255
_FLAGS = bytes([0] + [1] * 255)


class Ledger:
    """Ids count from 0 and are dense, so a byte each is the smallest set that is also fast."""

    def __init__(self) -> None:
        self._sent = bytearray()
        self._acked = bytearray()

    def send(self, ids: Sequence[int]) -> None:
        """These are handed over, once more each."""
        _grow(self._sent, ids)
        sent = self._sent
        for i in ids:
            if sent[i] < _MOST:
                sent[i] += 1

    def take_back(self, ids: Iterable[int]) -> None:
        """These were not handed over after all: the connection broke before the last byte of their lines."""
        for i in ids:
            self._sent[i] -= 1

    def ack(self, ids: Sequence[int]) -> None:
        """These are dealt with."""
        _grow(self._acked, ids)
        acked = self._acked
        for i in ids:
            acked[i] = 1

    def times_sent(self, i: int) -> int:
        """How often event `i` was handed over; more often than once only where that was not acknowledged, or on purpose."""
        return self._sent[i] if i < len(self._sent) else 0

    @property
    def next_id(self) -> int:
        """One past the highest id that was handed over."""
        return len(self._sent.rstrip(b"\0"))

    def sent(self) -> bytes:
        """A flag for each id that was handed over."""
        return bytes(self._sent).translate(_FLAGS)

    def acked(self) -> bytes:
        """A flag for each id that was acknowledged."""
        return bytes(self._acked)

    @property
    def acked_count(self) -> int:
        """How many different events were acknowledged."""
        return self._acked.count(1)

    @property
    def sent_count(self) -> int:
        """How many different events were handed over."""
        return len(self._sent) - self._sent.count(0)

    @property
    def resent_count(self) -> int:
        """How many events were handed over more than once."""
        return self.sent_count - self._sent.count(1)


def _grow(flags: bytearray, ids: Sequence[int]) -> None:
    if ids and (missing := max(ids) + 1 - len(flags)) > 0:
        flags.extend(bytes(max(missing, min(len(flags), 1 << 22))))


def flags_of(ids: Sequence[int]) -> bytes:
    """A flag for each id."""
    flags = bytearray(max(ids) + 1 if ids else 0)
    for i in ids:
        flags[i] = 1
    return bytes(flags)


def without(these: bytes, *those: bytes) -> list[int]:
    """The ids that are in `these` and in none of `those`, ascending."""
    left = int.from_bytes(these, "little")
    for flags in those:
        left &= ~int.from_bytes(flags, "little")
    return _ids(left.to_bytes(max(len(these), 1), "little"))


def _ids(flags: bytes) -> list[int]:
    found, i = [], flags.find(1)
    while i >= 0:
        found.append(i)
        i = flags.find(1, i + 1)
    return found
