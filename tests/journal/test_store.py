"""The journal's file as its writer sees it: numbers, what goes and what stays, damage that is noticed."""

from __future__ import annotations

import logging
import shutil
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from doorstep.engine.errors import JournalFull
from doorstep.engine.journal import standing
from doorstep.engine.journal import store as store_module
from doorstep.engine.journal.blob import Damaged, Piece, joined
from doorstep.engine.journal.commits import Arrival, Commit, StoredChunk
from doorstep.engine.journal.disposing import Disposal
from doorstep.engine.journal.queries import Queries, StoredPieces
from doorstep.engine.journal.records import (
    Attempt,
    Changes,
    DeadLetter,
    Gap,
    OpenChunk,
    ParkedEvent,
    Position,
    Standing,
    Waiting,
)
from doorstep.engine.journal.sealing import sealed, unpacked, unsealed
from doorstep.engine.journal.store import Store, hash_of

POSITION = Position(3, (OpenChunk(1, 2, b"\x02"),))
STANDING = Standing(paused=True)


def arrival(count: int = 1, *, size: int = 20, source: str = "shop", received: float = 1000.0) -> Arrival:
    lines = [b"x" * size] * count
    return Arrival(joined(source, received, lines), array("I", [hash_of(None)] * count).tobytes())


def changes(name: str = "a", position: Position = POSITION, **more: Any) -> Changes:
    empty: dict[str, Any] = {"standing": Standing(), "parked": {}, "dead": [], "attempts": [], "gaps": []}
    return Changes(name=name, position=position, **(empty | more))


def parked(number: int) -> ParkedEvent:
    return ParkedEvent(number=number, line=b"{}", source="shop", received=1000.0, due=2000.0)


def letter(number: int, at: float = 1500.0, *, destination: str = "a", action: str | None = None) -> DeadLetter:
    return DeadLetter(
        action=action,
        destination=destination,
        number=number,
        message_id="m",
        type="track",
        event="E",
        line=b"{}",
        source="shop",
        received=1000.0,
        reason="http_400",
        status=400,
        excerpt="",
        tries=[],
        version="v",
        first_at=at,
        last_at=at,
    )


def disposal(floor: int = 10**6, *, keep: tuple[int, ...] = (), before: float = 0.0, max_bytes: int = 10**9) -> Commit:
    return Commit(disposal=Disposal(floor=floor, keep=frozenset(keep), before=before, max_bytes=max_bytes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def new(folder: Path) -> Iterator[Callable[..., Store]]:
    """`new()` opens the journal, and closes what was open before."""
    stores: list[Store] = []

    def make(*, clean: bool = True) -> Store:
        close(clean)
        stores.append(Store(folder, "os"))
        return stores[-1]

    def close(clean: bool = True) -> None:
        while stores:
            stores.pop().close(clean=clean)

    yield make
    close()


def ask(folder: Path, statement: str, *values: Any) -> list[Any]:
    connection = apsw.Connection(str(folder / "journal.db"))
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def firsts(folder: Path) -> list[int]:
    return [first for (first,) in ask(folder, "SELECT first FROM chunks ORDER BY first")]


# Numbers -------------------------------------------------------------------------------------------------------------


def test_numbers_are_given_in_order_and_go_on_after_a_restart(new: Any) -> None:
    store = new()
    assert (store.opened().end, store.opened().oldest, store.opened().used_bytes) == (1, 1, 0)
    committed = store.commit(Commit(arrivals=[arrival(3), arrival(2)]))
    assert committed.chunks == [StoredChunk(1, 0, 2)]
    assert repr(store).endswith(f"data, next 6, {committed.used_bytes} bytes>")
    again = new().opened()
    assert (again.end, again.oldest, again.used_bytes, again.lost) == (6, 1, committed.used_bytes, None)
    assert new().commit(Commit(arrivals=[arrival(1)])).chunks == [StoredChunk(6, 0, 1)]


def test_pieces_share_a_row_up_to_its_size_and_a_bigger_one_has_a_row_of_its_own(
    new: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "CHUNK_BYTES", 100)
    sizes = [39, 39, 19, 300, 9]  # each line takes one byte more
    committed = new().commit(Commit(arrivals=[arrival(1, size=size) for size in sizes]))
    assert committed.chunks == [StoredChunk(1, 0, 3), StoredChunk(4, 3, 4), StoredChunk(5, 4, 5)]


def test_a_commit_that_fails_used_no_number_and_left_nothing(new: Any, folder: Path) -> None:
    store = new()
    store.opened()
    store.commit(Commit(arrivals=[arrival()]))
    used = store.opened().used_bytes
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    big = arrival(5, size=100_000)
    with pytest.raises(JournalFull, match="the disk is full"):
        store.commit(Commit(arrivals=[big], changes=[changes()]))
    assert (firsts(folder), ask(folder, "SELECT * FROM accounts"), store.opened().used_bytes) == ([1], [], used)
    store._connection.execute("PRAGMA max_page_count = 1000000")
    assert store.commit(Commit(arrivals=[big], changes=[changes()])).chunks == [StoredChunk(2, 0, 1)]


def test_what_cannot_be_written_leaves_no_transaction_open(new: Any) -> None:
    store = new()
    with pytest.raises(TypeError):
        store.commit(Commit(arrivals=[arrival()], changes=[changes(standing=object())]))
    assert store.commit(Commit(arrivals=[arrival()])).chunks == [StoredChunk(1, 0, 1)]


def test_work_is_all_or_nothing(new: Any, folder: Path) -> None:
    store = new()
    store.commit(Commit(arrivals=[arrival()]))

    def half(connection: apsw.Connection) -> None:
        connection.execute("DELETE FROM chunks")
        raise KeyError

    with pytest.raises(KeyError):
        store.work(half)
    assert firsts(folder) == [1]
    assert store.work(lambda connection: connection.execute("SELECT count(*) FROM chunks").fetchone()) == (1,)


# What goes -----------------------------------------------------------------------------------------------------------


def test_old_chunks_go_that_nobody_needs_and_the_newest_stays(new: Any, folder: Path) -> None:
    store = new()
    for received in (1.0, 2.0, 3.0, 4.0, 5.0):
        store.commit(Commit(arrivals=[arrival(2, received=received)]))
    assert store.commit(disposal(floor=7, keep=(3,), before=100.0)).deleted == 2
    assert firsts(folder) == [3, 7, 9]
    assert store.commit(disposal(before=100.0)).oldest == 9
    assert firsts(folder) == [9]
    assert store.commit(disposal(before=100.0)).deleted == 0
    assert new().opened().end == 11


def test_young_chunks_stay_until_there_is_too_much_then_the_oldest_go(new: Any, folder: Path) -> None:
    store = new()
    for _ in range(5):
        used = store.commit(Commit(arrivals=[arrival(2)])).used_bytes
    each = used // 5
    assert store.commit(disposal(before=500.0)).deleted == 0
    committed = store.commit(disposal(before=500.0, max_bytes=3 * each))
    assert (committed.deleted, committed.oldest, committed.used_bytes) == (2, 5, 3 * each)
    assert firsts(folder) == [5, 7, 9]
    assert ask(folder, "SELECT first FROM bodies") == ask(folder, "SELECT first FROM ids") == [(5,), (7,), (9,)]


def test_not_many_go_in_one_commit(new: Any, folder: Path) -> None:
    store = new()
    for _ in range(70):
        store.commit(Commit(arrivals=[arrival()]))
    assert [store.commit(disposal(before=2000.0)).deleted for _ in range(4)] == [32, 32, 5, 0]
    assert firsts(folder) == [70]


def test_what_is_kept_does_not_stand_in_the_way_of_what_may_go(new: Any, folder: Path) -> None:
    store = new()
    for _ in range(14):
        store.commit(Commit(arrivals=[arrival()]))
    assert store.commit(disposal(before=2000.0, keep=tuple(range(1, 12)))).deleted == 2
    assert firsts(folder) == [*range(1, 12), 14]


def test_attempts_go_with_the_last_events_they_speak_of(new: Any, folder: Path) -> None:
    store = new()
    for number in (1, 2, 3):
        attempt = Attempt(1.0, 5, "delivered", "", 200, 1, [(number, number)])
        store.commit(Commit(arrivals=[arrival()], changes=[changes(attempts=[attempt])]))
    store.commit(disposal(before=2000.0))
    store.commit(disposal(before=2000.0))
    assert firsts(folder) == [3]
    assert ask(folder, "SELECT low, high FROM attempts WHERE high >= 2") == [(2, 2), (3, 3)]


# Destinations --------------------------------------------------------------------------------------------------------


def test_what_was_written_of_a_destination_is_found_again(new: Any, folder: Path) -> None:
    store = new()
    store.commit(Commit(arrivals=[arrival(2), arrival(3)]))
    used = store.commit(Commit(arrivals=[arrival(4)])).used_bytes
    gap = Gap(1, 2, "expired", 5.0)
    store.commit(Commit(changes=[changes(standing=STANDING, parked={1: parked(1), 2: parked(2)}, gaps=[gap])]))
    store.commit(Commit(changes=[changes(position=Position(6), standing=STANDING, parked={1: None})]))
    found = new().opened().accounts["a"]
    assert (found.name, found.position, found.standing, found.is_new) == ("a", Position(6), STANDING, False)
    assert found.parked == [parked(2)]
    assert found.backlog_bytes == ask(folder, "SELECT size FROM chunks WHERE first = 6")[0][0] < used
    assert ask(folder, "SELECT destination, first, last FROM gaps") == [("a", 1, 2)]


def test_a_dead_letter_that_is_written_again_is_one(new: Any, folder: Path) -> None:
    """A commit whose end was not heard of is tried again."""
    store = new()
    for _ in range(2):
        store.commit(Commit(changes=[changes(dead=[letter(1), letter(2)])]))
    rows = ask(folder, "SELECT number, reason, at FROM dead")
    assert rows == [(1, "http_400", 1500.0), (2, "http_400", 1500.0)]


def test_two_actions_that_give_an_event_up_at_the_same_moment_leave_a_dead_letter_each(new: Any, folder: Path) -> None:
    """As with a clock that stands still."""
    store = new()
    for _ in range(2):
        store.commit(Commit(changes=[changes(dead=[letter(1, action="one"), letter(1, action="two")])]))
    rows = ask(folder, "SELECT row FROM dead ORDER BY at")
    assert [msgspec.msgpack.decode(unsealed(row), type=DeadLetter).action for (row,) in rows] == ["one", "two"]


def test_what_is_forgotten_is_gone_but_for_its_dead_letters(new: Any, folder: Path) -> None:
    store = new()
    attempt = Attempt(1.0, 5, "delivered", "", 200, 1, [(1, 1)])
    for name in "ab":
        store.commit(
            Commit(
                changes=[changes(name, parked={1: parked(1)}, dead=[letter(1, destination=name)], attempts=[attempt])]
            )
        )
    store.work(lambda connection: standing.forget(connection, "a"))
    assert list(new().opened().accounts) == ["b"]
    assert ask(folder, "SELECT destination FROM parked") == ask(folder, "SELECT destination FROM attempts") == [("b",)]
    assert ask(folder, "SELECT destination FROM dead") == [("a",), ("b",)]


def test_rows_of_attempts_have_a_bounded_span(new: Any, folder: Path) -> None:
    span = store_module.ATTEMPT_SPAN
    attempt = Attempt(
        1.0, 5, "delivered", "", 200, 1, [(1, 5), (span - 1, span - 1), (span, span + 3), (9 * span, 9 * span)]
    )
    new().commit(Commit(changes=[changes(attempts=[attempt])]))
    rows = ask(folder, "SELECT low, high, row FROM attempts ORDER BY low")
    assert [(low, high) for low, high, _ in rows] == [(1, span - 1), (span, span + 3), (9 * span, 9 * span)]
    kept = [msgspec.msgpack.decode(unsealed(row), type=list[Attempt])[0].ranges for _, _, row in rows]
    assert [tuple(one) for ranges in kept for one in ranges] == attempt.ranges


# Damage --------------------------------------------------------------------------------------------------------------


def test_a_sealed_row_is_unsealed_and_any_other_is_damaged() -> None:
    row = sealed(b"row")
    assert unsealed(row) == b"row"
    for place in range(len(row)):
        changed = bytearray(row)
        changed[place] ^= 4
        with pytest.raises(Damaged):
            unsealed(bytes(changed))
    for length in range(len(row)):
        with pytest.raises(Damaged):
            unsealed(row[:length])


def test_a_damaged_cursor_begins_with_the_oldest_chunk_and_is_said(new: Any, folder: Path, caplog: Any) -> None:
    store = new()
    for _ in range(3):
        store.commit(Commit(arrivals=[arrival(2)]))
    store.commit(Commit(changes=[changes("a", Position(7)), changes("b", Position(7))]))
    store.commit(disposal(floor=3, before=2000.0))
    (row,) = ask(folder, "SELECT row FROM accounts WHERE name = 'a'")[0]
    store._connection.execute("UPDATE accounts SET row = ? WHERE name = 'a'", (row[:-1] + b"\x00" + row[-1:],))
    with caplog.at_level(logging.ERROR, "doorstep.journal"):
        accounts = new().opened().accounts
    assert (accounts["a"].position, accounts["b"].position) == (Position(3), Position(7))
    [record] = caplog.records
    assert record.facts == {"destination": "a", "starts_at": 3}


def test_a_damaged_parked_row_is_said_left_alone_and_takes_no_other_with_it(
    new: Any, folder: Path, caplog: Any
) -> None:
    store = new()
    store.commit(Commit(changes=[changes(parked={1: parked(1), 2: parked(2), 3: parked(3)})]))
    store._connection.execute("UPDATE parked SET row = x'00112233445566' WHERE number = 2")
    with caplog.at_level(logging.ERROR, "doorstep.journal"):
        found = new().opened().accounts["a"].parked
    assert [row.number for row in found] == [1, 3]
    assert [record.facts for record in caplog.records] == [{"destination": "a", "number": 2}]
    assert ask(folder, "SELECT row FROM parked WHERE number = 2") == [(bytes.fromhex("00112233445566"),)]


@pytest.mark.parametrize(
    ("lost", "facts"),
    [
        ((2,), {"destination": "a", "count": 1, "number": 2}),
        ((1, 3), {"destination": "a", "count": 2}),
        ((), None),
    ],
)
def test_parked_rows_that_vanished_are_missed_at_the_next_start(
    new: Any, folder: Path, caplog: Any, lost: tuple[int, ...], facts: dict[str, Any] | None
) -> None:
    store = new()
    standing = Standing(waiting=Waiting(3, 6))
    store.commit(Commit(changes=[changes(parked={n: parked(n) for n in (1, 2, 3)}, standing=standing)]))
    for number in lost:
        store._connection.execute("DELETE FROM parked WHERE number = ?", (number,))
    with caplog.at_level(logging.ERROR, "doorstep.journal"):
        new().opened()
    assert [(record.message, record.facts) for record in caplog.records] == (
        [("parked events are missing from the journal", facts)] if facts else []
    )


def test_parked_rows_that_came_since_are_none_too_few(new: Any, caplog: Any) -> None:
    """Those of a replay are written before the destination's own row is."""
    standing = Standing(waiting=Waiting(1, 1))
    new().commit(Commit(changes=[changes(parked={n: parked(n) for n in (1, 2, 3)}, standing=standing)]))
    new().opened()
    assert caplog.records == []


def test_acknowledged_events_that_are_missing_are_named_and_their_numbers_never_given_again(
    new: Any, folder: Path, tmp_path: Path
) -> None:
    """The file is older than what stands beside it: somebody restored a backup, or the WAL was lost."""
    store = Store(folder)
    store.commit(Commit(arrivals=[arrival(2)]))
    store.close(clean=True)
    shutil.copy(folder / "journal.db", tmp_path / "backup")
    store = Store(folder)
    store.commit(Commit(arrivals=[arrival(3)]))
    store.close(clean=True)
    shutil.copy(tmp_path / "backup", folder / "journal.db")
    opened = new().opened()
    assert (opened.end, opened.lost) == (6, Gap(3, 5, "damaged"))
    assert new().commit(Commit(arrivals=[arrival(1)])).chunks == [StoredChunk(6, 0, 1)]


def test_a_side_file_that_is_damaged_says_nothing(new: Any, folder: Path) -> None:
    new().commit(Commit(arrivals=[arrival(2)]))
    for content in (b"", b"short", b"\xff" * 12, (99).to_bytes(8, "big") + bytes(4)):
        (folder / "durable").write_bytes(content)
        opened = new().opened()
        assert (opened.end, opened.lost) == (3, None)


def test_a_cursor_ahead_of_the_events_is_believed(new: Any) -> None:
    """With the events it was ahead of, they are lost: their numbers are not given to others."""
    new().commit(Commit(arrivals=[arrival(2)], changes=[changes(position=Position(9))]))
    opened = new().opened()
    assert (opened.end, opened.lost) == (9, Gap(3, 8, "damaged"))


def test_a_damaged_chunk_is_a_gap_up_to_the_next_one(new: Any, folder: Path) -> None:
    store = new()
    for count in (2, 3, 1):
        store.commit(Commit(arrivals=[arrival(count)]))
    (body,) = ask(folder, "SELECT body FROM bodies WHERE first = 3")[0]
    store._connection.execute("UPDATE bodies SET body = ? WHERE first = 3", (body[:-1] + b"y",))
    queries = Queries(folder)
    try:
        whole = queries.chunk(1)
        assert isinstance(whole, StoredPieces)
        assert (whole.first, whole.end, whole.pieces) == (1, 3, [Piece("shop", 1000.0, [b"x" * 20] * 2)])
        assert queries.chunk(3) == Gap(3, 5, "damaged")
        assert queries.chunk(7) is None
        assert queries.chunks(1) == [whole], "what is behind it is not whole"
        assert [queries.first_of(number) for number in (1, 2, 3, 5, 6, 7)] == [1, 1, 3, 3, 6, None]
    finally:
        queries.close()


def test_a_chunk_that_is_missing_is_a_gap_and_not_the_end(new: Any, folder: Path) -> None:
    store = new()
    for count in (2, 3, 1):
        store.commit(Commit(arrivals=[arrival(count)]))
    store.work(lambda connection: connection.execute("DELETE FROM bodies WHERE first = 3").fetchall())
    queries = Queries(folder)
    try:
        assert queries.chunk(3) == Gap(3, 5, "damaged")
    finally:
        queries.close()


def test_a_destination_whose_name_is_damaged_begins_with_the_oldest_event(new: Any) -> None:
    store = new()
    store.commit(Commit(arrivals=[arrival(4)], changes=[changes(version="v1", used_from=1)]))
    store.work(lambda connection: connection.execute("UPDATE accounts SET name = CAST(x'61ff62' AS TEXT)").fetchall())
    assert {name: found.position for name, found in store.opened().accounts.items()} == {"a": Position(1)}


# The end, and no room ------------------------------------------------------------------------------------------------


def test_whether_it_was_closed_cleanly_is_known(new: Any) -> None:
    assert new().opened().was_clean is True
    new(clean=False)
    assert new(clean=False).opened().was_clean is False
    assert new(clean=True).opened().was_clean is True


def test_while_the_wal_cannot_be_played_back_no_events_are_taken_and_cursors_are_saved(
    new: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The WAL would grow, and use up the room that is kept for playing it back."""
    store = new()
    store.commit(Commit(arrivals=[arrival(2)]))
    real, crammed = store._connection, True

    class Connection:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def wal_checkpoint(self, **how: Any) -> Any:
            if crammed:
                raise apsw.FullError("database or disk is full")
            return real.wal_checkpoint(**how)

    monkeypatch.setattr(store, "_connection", Connection())
    store.checkpoint()
    with pytest.raises(JournalFull):
        store.commit(Commit(arrivals=[arrival(2)]))
    store.commit(Commit(changes=[changes(position=Position(3))]))
    crammed = False
    assert [chunk.first for chunk in store.commit(Commit(arrivals=[arrival(2)])).chunks] == [3]


def test_what_is_missed_without_a_break_is_one_row_and_goes_with_the_last_events_it_speaks_of(
    new: Any, folder: Path
) -> None:
    """A destination that was down, and let events expire, had four more rows a second, for good."""
    store = new()
    for _ in range(10):
        store.commit(Commit(arrivals=[arrival()]))

    def missed(name: str, first: int, last: int, reason: Any = "expired") -> None:
        store.commit(Commit(changes=[changes(name, gaps=[Gap(first, last, reason, float(last))])]))

    for number in (1, 2, 3):
        missed("a", number, number)
        missed("b", 2 * number, 2 * number)
    missed("a", 3, 4)
    missed("a", 5, 5, "damaged")
    found = "SELECT destination, first, last FROM gaps ORDER BY destination, first"
    assert ask(folder, found) == [("a", 1, 4), ("a", 5, 5), ("b", 2, 2), ("b", 4, 4), ("b", 6, 6)]
    assert unpacked(ask(folder, "SELECT row FROM gaps WHERE destination = 'a' AND last = 4")[0][0], Gap) == Gap(
        1, 4, "expired", 4.0
    )
    store.commit(disposal(floor=5, before=2000.0))
    assert len(ask(folder, found)) == 5
    store.commit(disposal(floor=6, before=2000.0))
    assert ask(folder, found) == [("a", 5, 5), ("b", 6, 6)]
