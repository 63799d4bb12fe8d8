"""Events that failed alone and wait for a later try, each on its own schedule, out of everybody's way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from heapq import heappop, heappush

from ..journal.records import Try
from ..model.envelope import Envelope
from ..policy.due import seconds_left
from .left import Left


class Parked:
    """One event's schedule. It is settled in the cursor: this is its only place."""

    __slots__ = (
        "attempts",
        "down_s",
        "due",
        "envelope",
        "left",
        "mark",
        "reason",
        "replay",
        "since",
        "tries",
        "waits_for",
    )

    def __init__(
        self,
        envelope: Envelope,
        *,
        since: float,
        down_s: float,
        tries: list[Try] | None = None,
        replay: int | None = None,
        left: Left | None = None,
    ) -> None:
        self.envelope = envelope
        self.left = left
        """The actions that it has to go through; None: those that want it when it is sent."""
        self.tries = tries or []
        """Its history."""
        self.replay = replay
        """The replay that it is sent for; such ones are sent in batches, as on their first way."""
        self.since = since
        """When it first failed, monotonic."""
        self.down_s = down_s
        """How long the destination had been down in all by then: the time it is down later does not count."""
        self.attempts = 0
        """Tries that counted against it."""
        self.mark: int | None = None
        self.due = 0.0
        self.reason = ""
        self.waits_for = ""
        """The action that it was parked for, as it is counted; "" where there is none, or it is not known."""

    def __repr__(self) -> str:
        return f"<Parked {self.envelope.number}, {self.attempts} attempts, due {self.due:.3f}>"


class ParkedEvents:
    """All parked events of a destination, by due time."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._heap: list[tuple[float, int, Parked]] = []
        self._size_bytes = 0
        self.replays = 0
        """Those that are sent anew."""
        self._by_action: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._heap)

    def by_action(self) -> Counter[str]:
        """How many wait for each action. A copy."""
        return +self._by_action

    @property
    def is_full(self) -> bool:
        """At the cap: the destination takes in nothing new until some are gone. Nothing is ever dropped for it."""
        return self._size_bytes >= self._max_bytes

    def put(self, parked: Parked, due: float) -> None:
        """Parks until `due`."""
        parked.due = due
        parked.waits_for = parked.left.actions[0] if parked.left and parked.left.actions else ""
        self._by_action[parked.waits_for] += 1
        self._size_bytes += len(parked.envelope.line)
        self.replays += parked.replay is not None
        heappush(self._heap, (due, parked.envelope.number, parked))

    def take_due(
        self, now: float, max_events: int = 1, max_bytes: int = 0, key: Callable[[Parked], Hashable] = lambda _: None
    ) -> list[Parked]:
        """The one that is due longest; if it did not fail by itself, others such that are due with it, by number. Empty if none is due.

        What is taken has one `key`.
        """
        taken = self._take(now)
        if not taken or taken[0].attempts:
            return taken
        size, shared = len(taken[0].envelope.line), key(taken[0])
        while len(taken) < max_events and size < max_bytes and self._heap:
            following = self._heap[0][2]
            if following.attempts or key(following) != shared:
                break
            if not (one := self._take(now)):
                break
            size += len(following.envelope.line)
            taken += one
        return sorted(taken, key=_number)

    def _take(self, now: float) -> list[Parked]:
        if not self._heap or seconds_left(self._heap[0][0], now):
            return []
        parked = heappop(self._heap)[2]
        self._size_bytes -= len(parked.envelope.line)
        self.replays -= parked.replay is not None
        self._by_action[parked.waits_for] -= 1
        return [parked]

    def next_due(self) -> float | None:
        """When the next one is due; None if there is none."""
        return self._heap[0][0] if self._heap else None

    def take_all(self) -> list[Parked]:
        """Empties it, by due time."""
        parked = [entry[2] for entry in sorted(self._heap, key=lambda entry: entry[:2])]
        self._heap.clear()
        self._by_action.clear()
        self._size_bytes = self.replays = 0
        return parked


def _number(parked: Parked) -> int:
    return parked.envelope.number
