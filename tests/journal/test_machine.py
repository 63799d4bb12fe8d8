"""Both logs beside a model in plain Python, whatever is done to them; the one on disk is also closed, crashed and opened again.

The heart of it: everything that is kept of a destination is one value, and what is found after a crash is a value that it once had, at or
after the last time it was written down. So nothing is half done: an event is unsettled, parked, dead or delivered, never two of these or
none.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import apsw
import msgspec
import pytest
import trio
import trio.testing
from doorstep.engine.delivery.cursor import Cursor
from doorstep.engine.errors import Fault
from doorstep.engine.journal import disk
from doorstep.engine.journal.committing import Limits
from doorstep.engine.journal.records import Attempt, DeadLetter, Gap
from doorstep.engine.model import Chunk, Envelope
from doorstep.engine.model.outcome import Failure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EPOCH = 1_700_000_000.0
NAMES = ("a", "b", "c")
FAILURE = Failure(Fault.EVENT, "http_400", 400)

STEPS = st.one_of(
    st.tuples(st.just("take"), st.integers(1, 6), st.booleans()),
    st.tuples(st.just("account"), st.integers(0, 2), st.booleans()),
    st.tuples(st.sampled_from(["read", "read", "write_down", "remove", "pause"]), st.integers(0, 2), st.just(0)),
    st.tuples(st.sampled_from(["settle", "settle", "park", "bury", "tried"]), st.integers(0, 2), st.integers(0, 255)),
    st.tuples(st.sampled_from(["deliver_parked", "bury_parked", "park_again"]), st.integers(0, 2), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 20]), st.just(0)),
    st.tuples(st.sampled_from(["reopen", "crash"]), st.just(0), st.just(0)),
)


class State(msgspec.Struct, frozen=True):
    """All that is kept of a destination."""

    scan: int
    unsettled: frozenset[int]
    """Of the events before `scan`."""
    parked: frozenset[tuple[int, float]]
    """With when they are due (UTC)."""
    dead: tuple[int, ...]
    paused: bool
    missed: frozenset[int]


class Place:
    """What the model knows of one destination, and every value that this had since it was last written down."""

    def __init__(
        self,
        account: Any,
        *,
        dead: tuple[int, ...] = (),
        missed: frozenset[int] = frozenset(),
        since: int | None = None,
    ) -> None:
        self.account = account
        self.since = since
        """Where the log ended when the destination was new, in this life."""
        self.cursor = Cursor(account.position)
        account.follow(self.cursor.position)
        self.scan: int = account.position.scan
        self.unsettled = {
            chunk.first + index for chunk in account.position.open for index, flag in enumerate(chunk.flags) if not flag
        }
        self.parked: dict[int, float] = {row.number: row.due for row in account.parked}
        self.dead = dead
        self.missed = missed
        self.delivered: set[int] = set()
        self.tried: set[int] = set()
        self.may_miss = False
        """It was away for a while: what it had not taken may be gone."""
        self.past = [self.state()]

    def state(self) -> State:
        parked = frozenset((number, round(due, 3)) for number, due in self.parked.items())
        unsettled = frozenset(self.unsettled)
        return State(self.scan, unsettled, parked, self.dead, self.account.standing.paused, self.missed)

    def settle(self, envelopes: list[Envelope]) -> None:
        for chunk in self.cursor.settle(envelopes):
            self.account.release(chunk)
        self.unsettled -= {envelope.number for envelope in envelopes}
        self.account.moved()


class Play:
    """Carries out a script on a log and on the model."""

    def __init__(self, open_log: Any, events: Any, kind: str, folder: Path) -> None:
        self.open_log, self.events, self.kind, self.folder = open_log, events, kind, folder
        self.lives = 0
        self.accepted: dict[int, tuple[bytes, str]] = {}
        self.envelopes: dict[int, Envelope] = {}
        self.fed = 0
        self.places: dict[str, Place] = {}
        self.away: dict[str, Place] = {}
        self.written: set[tuple[str, int]] = set()
        """Attempts that are in the file for certain."""

    # Life --------------------------------------------------------------------------------------------------------

    async def play(self, script: list[tuple[str, Any, Any]]) -> None:
        await self.open()
        try:
            for step, one, two in script:
                await getattr(self, step)(one, two)
                await self.check()
            await self.reopen(0, 0)
        finally:
            await self.stack.aclose()

    @property
    def path(self) -> Path:
        return self.folder / str(self.lives)

    async def open(self) -> None:
        self.stack = AsyncExitStack()
        self.stored: list[Chunk] = []
        options = {"limits": Limits(retention_s=5.0), "durability": "os"} if self.kind == "disk" else {}
        opened = self.open_log(self.kind, self.path, self.stored, on_stored=self._announced, **options)
        self.log = await self.stack.enter_async_context(opened)

    def _announced(self, chunk: Chunk) -> None:
        for envelope in chunk.envelopes:
            assert envelope.number == len(self.accepted) + 1, "numbers have no gap, and none is given twice"
            self.accepted[envelope.number] = (envelope.line, envelope.receipt.source)
            self.envelopes[envelope.number] = envelope

    async def reopen(self, *_: object) -> None:
        if self.kind == "disk":
            await self.stack.aclose()
            for place in [*self.places.values(), *self.away.values()]:
                place.past = [place.state()]
            await self._resume(self.log.end)

    async def crash(self, *_: object) -> None:
        """What another process would find if this one were gone now."""
        if self.kind == "disk":
            end = self.log.end
            following = self.folder / str(self.lives + 1)
            following.mkdir()
            for path in self.path.iterdir():
                if path.name in ("journal.db", "journal.db-wal", "durable"):
                    shutil.copy(path, following / path.name)
            accepted = dict(self.accepted)
            await self.stack.aclose()
            self.accepted = accepted
            self.lives += 1
            await self._resume(end)

    async def _resume(self, end: int) -> None:
        await self.open()
        assert self.log.end == end, "all that was announced is there, and nothing else"
        before, self.places = self.places, {}
        for name, place in before.items():
            self.places[name] = self._found(name, place)
        for place in self.away.values():
            place.may_miss = True
        await self.check()

    def _found(self, name: str, before: Place) -> Place:
        account = self.log.account(name)
        if account.is_new:
            assert before.since == self.log.end, "it is in the file with the first event that is for it"
            return Place(account, since=self.log.end)
        found = Place(account, dead=self._dead(name), missed=self._missed(name))
        state, oldest = found.state(), self.log.statistics().oldest
        forgotten = {number for past in before.past for number in past.missed - state.missed}
        assert all(number < oldest for number in forgotten), "what was missed goes with the chunks that come after it"
        assert state in [msgspec.structs.replace(past, missed=past.missed & state.missed) for past in before.past]
        for row in account.parked:
            assert (row.line, row.source) == self.accepted[row.number]
            envelope = account.envelope(row)
            assert (envelope.number, envelope.line, envelope.key) == (row.number, row.line, f"m-{_n(row.line)}")
        return found

    # What is done ------------------------------------------------------------------------------------------------

    async def take(self, count: int, waits: bool) -> None:
        first, self.fed = self.fed + 1, self.fed + count
        source = f"shop-{count % 3}"
        ticket = await self.log.take(self.events(first, count), source)
        if waits or self.kind == "memory":
            number = await ticket.stored()
            lines = [self.accepted[number + index] for index in range(count)]
            assert lines == [(line, source) for line in self.events(first, count).lines]

    async def account(self, which: int, oldest: bool) -> None:
        name = NAMES[which]
        if name in self.places:
            return
        account = self.log.account(name, oldest=oldest)
        away = self.away.pop(name, None)
        assert account.is_new is (away is None or self.kind == "memory")
        start = account.position.scan
        if not account.is_new and away is not None:
            place = Place(account, dead=away.dead, missed=away.missed)
            place.may_miss = True
            assert place.state() == away.state()
            place.past = away.past
        else:
            place = Place(account, since=self.log.end)
            if not oldest:
                assert start == self.log.end
            elif self.kind == "disk":
                assert start == self.log.statistics().oldest
        self.places[name] = place

    async def read(self, which: int, _: object) -> None:
        place = self._place(which)
        if place is None or place.cursor.is_wide:
            return
        unread = place.cursor.unread
        number = place.cursor.scan if unread is None else unread
        found = await place.account.read(number)
        if found is None:
            assert number == self.log.end
        elif isinstance(found, Gap):
            self._miss(place, found)
        else:
            self._same(found, number)
            if unread is None:
                place.cursor.open(found)
                place.scan = found.end
                place.unsettled |= {envelope.number for envelope in found.envelopes}
                place.account.took(found)
            else:
                again = [envelope.number for envelope in place.cursor.reopen(found)]
                assert again == [envelope.number for envelope in found.envelopes if envelope.number in place.unsettled]

    def _miss(self, place: Place, gap: Gap) -> None:
        assert place.may_miss, "an account that never went away misses nothing"
        assert gap.reason == "expired"
        lost = {number for number in place.unsettled if gap.first <= number <= gap.last}
        assert place.cursor.skip(gap.first, gap.last) == (len(lost) if lost else gap.count)
        place.unsettled -= lost
        place.scan = place.cursor.scan
        place.missed |= frozenset(range(gap.first, gap.last + 1))
        place.account.missed(gap)

    def _same(self, chunk: Chunk, number: int) -> None:
        assert chunk.first == number
        for expected, envelope in enumerate(chunk.envelopes, number):
            assert (envelope.number, (envelope.line, envelope.receipt.source)) == (expected, self.accepted[expected])
            assert envelope.event.messageId == f"m-{_n(envelope.line)}"
            assert envelope.receipt.received == self.envelopes[expected].receipt.received

    async def settle(self, which: int, bits: int) -> None:
        place = self._place(which)
        if place is not None:
            taken = place.cursor.unsettled()
            place.settle(picked := [envelope for index, envelope in enumerate(taken) if bits >> index % 8 & 1])
            place.delivered |= {envelope.number for envelope in picked}

    async def park(self, which: int, index: int) -> None:
        place = self._place(which)
        if place is not None and (taken := place.cursor.unsettled()):
            envelope = taken[index % len(taken)]
            self._park(place, envelope, 30.0 + index)
            place.settle([envelope])

    async def park_again(self, which: int, index: int) -> None:
        place = self._place(which)
        if place is not None and place.parked:
            number = sorted(place.parked)[index % len(place.parked)]
            self._park(place, self.envelopes[number], 300.0)

    def _park(self, place: Place, envelope: Envelope, wait_s: float) -> None:
        now = anyio.current_time()
        place.account.park(envelope, due=now + wait_s, waited_s=wait_s, attempts=2, tries=[], replay=None)
        place.parked[envelope.number] = EPOCH + now + wait_s

    async def deliver_parked(self, which: int, index: int) -> None:
        place = self._place(which)
        if place is not None and place.parked:
            number = sorted(place.parked)[index % len(place.parked)]
            place.account.unpark(number)
            del place.parked[number]
            place.delivered.add(number)

    async def bury_parked(self, which: int, index: int) -> None:
        place = self._place(which)
        if place is not None and place.parked:
            number = sorted(place.parked)[index % len(place.parked)]
            self._bury(place, self.envelopes[number])
            place.account.unpark(number)
            del place.parked[number]

    async def bury(self, which: int, index: int) -> None:
        place = self._place(which)
        if place is not None and (taken := place.cursor.unsettled()):
            envelope = taken[index % len(taken)]
            self._bury(place, envelope)
            place.settle([envelope])

    def _bury(self, place: Place, envelope: Envelope) -> None:
        place.account.bury(envelope, FAILURE, [], "v1")
        place.dead = tuple(sorted((*place.dead, envelope.number)))

    async def tried(self, which: int, bits: int) -> None:
        place = self._place(which)
        if place is not None:
            taken = [e for index, e in enumerate(place.cursor.unsettled()) if bits >> index % 8 & 1]
            if taken:
                place.account.tried("failed", taken, began=anyio.current_time(), reason="http_500", status=500)
                place.tried |= {envelope.number for envelope in taken}

    async def pause(self, which: int, _: object) -> None:
        place = self._place(which)
        if place is not None:
            standing = place.account.standing
            place.account.stand(msgspec.structs.replace(standing, paused=not standing.paused))

    async def write_down(self, which: int, _: object) -> None:
        place = self._place(which)
        if place is not None:
            await place.account.write_down()
            place.past = [place.state()]
            self.written |= {(NAMES[which], number) for number in place.tried}

    async def remove(self, which: int, _: object) -> None:
        place = self.places.pop(NAMES[which], None)
        if place is not None:
            await place.account.write_down()
            place.past = [place.state()]
            place.account.close()
            self.away[NAMES[which]] = place

    async def wait(self, seconds: int, _: object) -> None:
        await anyio.sleep(seconds)

    # What holds --------------------------------------------------------------------------------------------------

    async def check(self) -> None:
        for place in self.places.values():
            if place.state() != place.past[-1]:
                place.past.append(place.state())
            position = place.cursor.position()
            assert (position.scan, position.unsettled(position.scan)) == (place.scan, len(place.unsettled))
            assert not place.parked.keys() & place.unsettled
            assert not set(place.dead) & (place.unsettled | place.parked.keys())
            assert all(position.is_settled(number) for number in place.parked)
        if self.kind == "disk":
            if self.log.statistics().used_bytes != self._used_bytes():
                await trio.testing.wait_all_tasks_blocked()  # a commit that is done has still to be announced
            assert self.log.statistics().used_bytes == self._used_bytes()
            self._check_file()

    def _used_bytes(self) -> int:
        (used,) = self._ask("SELECT coalesce(sum(size), 0) FROM chunks")[0]
        return int(used)

    def _check_file(self) -> None:
        firsts = dict(self._ask("SELECT first, count FROM chunks"))
        held = {number for first, count in firsts.items() for number in range(first, first + count)}
        for place in self.places.values():
            if not place.may_miss:
                assert place.unsettled | set(range(place.scan, self.log.end)) <= held, "what is needed is held"
        rows = self._ask("SELECT destination, row FROM attempts")
        tried = {
            (name, number)
            for name, row in rows
            for attempt in msgspec.msgpack.decode(row[4:], type=list[Attempt])
            for first, last in attempt.ranges
            for number in range(first, last + 1)
        }
        oldest = min(held, default=self.log.end)
        assert {one for one in self.written if one[1] >= oldest} <= tried

    def _dead(self, name: str) -> tuple[int, ...]:
        rows = self._ask("SELECT row FROM dead WHERE destination = ? ORDER BY number", name)
        letters = [msgspec.msgpack.decode(row[4:], type=DeadLetter) for (row,) in rows]
        for letter in letters:
            assert (letter.line, letter.source) == self.accepted[letter.number]
            assert (letter.reason, letter.status, letter.version) == ("http_400", 400, "v1")
        return tuple(letter.number for letter in letters)

    def _missed(self, name: str) -> frozenset[int]:
        rows = self._ask("SELECT row FROM gaps WHERE destination = ?", name)
        gaps = [msgspec.msgpack.decode(row[4:], type=Gap) for (row,) in rows]
        missed = [number for gap in gaps for number in range(gap.first, gap.last + 1)]
        assert len(missed) == len(set(missed)), "each once"
        return frozenset(missed)

    def _ask(self, statement: str, *values: str) -> list[Any]:
        connection = apsw.Connection(str(self.path / "journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def _place(self, which: int) -> Place | None:
        return self.places.get(NAMES[which])


def _n(line: bytes) -> int:
    return int(msgspec.json.decode(line)["n"])


@pytest.mark.parametrize("kind", ["memory", "disk"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(script=st.lists(STEPS, max_size=50))
def test_a_log_agrees_with_the_model_whatever_happens(
    kind: str, open_log: Any, events: Any, monkeypatch: pytest.MonkeyPatch, script: list[tuple[str, Any, Any]]
) -> None:
    monkeypatch.setattr(disk, "CACHE_BYTES", 3000)
    clock = trio.testing.MockClock(autojump_threshold=0)
    with tempfile.TemporaryDirectory() as folder:
        trio.run(Play(open_log, events, kind, Path(folder)).play, script, clock=clock)
