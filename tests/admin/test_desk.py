"""A desk behind server and client is the same desk: values, errors, several at once, on every loop."""

from __future__ import annotations

import anyio
import pytest
from doorstep.engine.admin import serve_admin
from doorstep.engine.admin.client import connect
from doorstep.engine.errors import FqlError, JournalError, JournalFull, Unanswered
from doorstep.engine.journal.desk import Added, Desk, LetterQuery, Replay, Unfit

pytestmark = [pytest.mark.anyio, pytest.mark.backends]

QUERY = LetterQuery(
    destination="hook",
    reason="http_400 & co",
    since=1767225600.1,
    until=1767225700.7,
    where='event = "Caf\u00e9 + 100%"',
    ids=(3, 1, 2),
)
CALLS = [
    ("count", (QUERY,), {}),
    ("count", (LetterQuery(ids=()),), {}),
    ("letters", (QUERY,), {"after": 17, "limit": 2}),
    ("letters", (LetterQuery(),), {}),
    ("letter", (42,), {}),
    ("patch", (42, b'{"type": "track", "userId": "\xc3\xa9"}'), {}),
    ("latest", (), {}),
    ("latest", (17,), {}),
    ("purge", (QUERY,), {}),
    ("purge", (LetterQuery(),), {}),
    ("replay", (Replay(destination="hook", kind="dead", query=QUERY, rate=0.1),), {}),
    ("replay", (Replay(destination="hook", kind="journal", query=LetterQuery(where="a = 1")),), {"dry_run": True}),
    ("replays", (), {}),
    ("explain", ("a/b c?d#e%2F\u00e9\nf",), {}),
    ("explain", ("..",), {}),
    ("parked", ("hook",), {}),
    ("parked", ("hook",), {"after": 17, "limit": 2}),
    ("destinations", (), {}),
    ("pause", ("hook",), {}),
    ("resume", ("hook",), {}),
    ("forget", ("hook",), {}),
]


async def test_every_method_answers_as_if_the_desk_were_here(folder, desk, looks) -> None:
    from_afar = type(desk)()
    async with serve_admin(from_afar, looks, folder), connect(folder) as remote:
        typed: Desk = remote
        for name, arguments, named in CALLS:
            here = await getattr(desk, name)(*arguments, **named)
            assert await getattr(typed, name)(*arguments, **named) == here
    assert from_afar.calls == desk.calls
    assert len(desk.calls) == 21


async def test_letters_are_brought_in_as_they_were_exported(folder, desk, looks) -> None:
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        assert await remote.add(desk.page) == Added(2)
        assert await remote.add([]) == Added(0)
    assert desk.calls == [("add", desk.page)]


async def test_many_letters_go_in_several_requests_in_order(folder, desk, looks) -> None:
    big = [desk.page[0].__class__(**fields(desk.page[0], id=id, line=b"x" * 2**20)) for id in range(1, 8)]
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        assert await remote.add(big) == Added(7)
    assert [[letter.id for letter in letters] for _, letters in desk.calls] == [[1, 2], [3, 4], [5, 6], [7]]


async def test_letters_that_were_refused_are_named_by_their_positions_among_all(folder, desk, looks) -> None:
    big = [desk.page[0].__class__(**fields(desk.page[0], id=id, line=b"x" * 2**20)) for id in range(1, 6)]
    desk.unfit = [Unfit(0, "this is no event: not_json")]
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        assert await remote.add(big) == Added(2, [Unfit(at, "this is no event: not_json") for at in (0, 2, 4)])


async def test_a_letter_of_the_largest_event_there_can_be_passes_both_ways(folder, desk, looks) -> None:
    desk.page = [desk.page[0].__class__(**fields(desk.page[0], line=b"\xff" * 16 * 2**20))]
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        assert await remote.add(desk.page) == Added(1)
        assert await remote.letters(LetterQuery()) == desk.page


async def test_a_full_page_arrives_whole(folder, desk, looks) -> None:
    desk.page = [desk.page[0].__class__(**fields(desk.page[0], id=id, line=b"y" * 32768)) for id in range(500)]
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        assert await remote.letters(LetterQuery(), limit=500) == desk.page


async def test_ten_thousand_ids_are_one_question(folder, desk, looks) -> None:
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        await remote.letters(LetterQuery(ids=tuple(range(10_000))))
    assert desk.calls == [("letters", LetterQuery(ids=tuple(range(10_000))), 0, 500)]


async def test_the_status_is_what_the_engine_says(folder, desk, looks) -> None:
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        status = await remote.status()
        assert (status["received"], status["destinations"]["hook"]["delivered"]) == (12, 9)
        assert status["destinations"]["hook"]["lag"] == {"events": 1, "seconds": 61.5}


@pytest.mark.parametrize(
    "error",
    [LookupError("no letter 9"), ValueError("hook is running"), JournalError("disk"), JournalFull("no room")],
    ids=lambda error: type(error).__name__,
)
async def test_errors_of_the_desk_are_raised_here(folder, desk, looks, error) -> None:
    desk.raises = error
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        with pytest.raises(type(error)) as caught:
            await remote.letter(9)
    assert type(caught.value) is type(error)
    assert str(caught.value) == str(error)


async def test_a_condition_that_is_no_fql_is_shown_where_it_is_wrong(folder, desk, looks) -> None:
    desk.raises = FqlError("expected a value", text="type = ", column=8)
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        with pytest.raises(FqlError) as caught:
            await remote.count(LetterQuery(where="type = "))
    assert (caught.value.message, caught.value.text, caught.value.column) == ("expected a value", "type = ", 8)


async def test_any_other_error_is_the_engines_own_and_is_logged(folder, desk, looks, caplog) -> None:
    desk.raises = ZeroDivisionError("jane@example.com")
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        with pytest.raises(Unanswered, match=r"^the engine could not answer: ZeroDivisionError; the engine's log says"):
            await remote.explain("m-1")
        desk.raises = None
        assert len(await remote.explain("m-1")) == 1
    [record] = [record for record in caplog.records if record.name.startswith("doorstep")]
    assert record.facts == {"resource": "/admin/v1/events/{message_id:path}"}


async def test_a_page_of_more_than_a_batch_is_refused(folder, desk, looks) -> None:
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        with pytest.raises(ValueError, match=r"^Expected 1 to 500 - at `\$\.limit`$"):
            await remote.letters(LetterQuery(), limit=501)
        with pytest.raises(ValueError, match=r"^Expected 1 to 500 - at `\$\.limit`$"):
            await remote.parked("hook", limit=501)
    assert desk.calls == []


async def test_several_are_answered_side_by_side(folder, desk, looks) -> None:
    desk.hold = anyio.Event()
    answers = []

    async def ask() -> None:
        async with connect(folder) as remote:
            answers.append(await remote.letter(1))

    async with serve_admin(desk, looks, folder):
        async with anyio.create_task_group() as clients:
            clients.start_soon(ask)
            clients.start_soon(ask)
            with anyio.fail_after(10):
                while len(desk.calls) < 2:
                    await anyio.sleep(0.01)
            desk.hold.set()
    assert [letter.id for letter in answers] == [1, 1]


def fields(letter, **changed):
    return {name: getattr(letter, name) for name in letter.__struct_fields__} | changed
