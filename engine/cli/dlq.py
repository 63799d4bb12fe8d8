"""`doorstep dlq`: the dead letters of a journal: looked at, taken out, brought in, sent again, thrown away."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import click

from ..journal.desk import BATCH, Desk, LetterCount, LetterQuery, Replay
from ..journal.records import DeadLetter
from ..journal.remapping import mapping_of
from ..journal.standing import unknown
from . import exits
from .check import counted
from .desk import Place, ask, journal_options, place_of
from .options import asked
from .telling import MomentType, RateType, as_json, columns, letter_of, moment

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = click.Choice(["text", "json"])
ID = click.IntRange(0, 2**63 - 1)
"""What SQLite can be asked for."""


def filters(command: F) -> F:
    """The options that choose dead letters; together they make a `LetterQuery`."""
    options = [
        click.option("--destination", metavar="DEST", help="Only those of this destination."),
        click.option("--reason", metavar="CODE", help="Only those given up for this reason."),
        click.option(
            "--since", type=MomentType(), metavar="TIME", help="Given up since then: 2h, or 2026-11-23T16:00."
        ),
        click.option("--until", type=MomentType(), metavar="TIME", help="Given up before then."),
        click.option("--where", metavar="FQL", help="Only events that match."),
        click.option("--id", "ids", type=ID, multiple=True, metavar="ID", help="Only these; may be repeated."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def query_of(ids: tuple[int, ...] = (), **conditions: Any) -> LetterQuery:
    """From the values of `filters`."""
    return LetterQuery(ids=ids or None, **conditions)


@click.group("dlq")
def dlq_command() -> None:
    """Dead letters: events that a destination gave up, each with all that is needed to understand it and to send it again."""


# Looking -------------------------------------------------------------------------------------------------------------


@dlq_command.command("ls")
@filters
@click.option("--each", is_flag=True, help="A line for each, in place of counts.")
@click.option("--format", "form", type=FORMATS, default="text", show_default=True, help="How.")
@journal_options
def ls_command(each: bool, form: str, configs: tuple[str, ...], data_dir: str | None, **conditions: Any) -> None:
    """Counts dead letters by destination and reason; with --each lists them."""
    place, query = place_of(configs, data_dir), query_of(**conditions)
    if each:
        _list(place, query, _EACH[form])
        return
    counts = ask(place, lambda desk: _count(desk, place, query))
    click.echo(as_json(counts) if form == "json" else _table(counts))


@dlq_command.command("show")
@click.argument("id", type=ID)
@click.option("--format", "form", type=FORMATS, default="text", show_default=True, help="How.")
@journal_options
def show_command(id: int, form: str, configs: tuple[str, ...], data_dir: str | None) -> None:
    """Shows the dead letter ID: why it was given up, each try, and the event as it came in."""
    letter = ask(place_of(configs, data_dir), lambda desk: desk.letter(id))
    click.echo(as_json(letter) if form == "json" else _shown(letter))


@dlq_command.command("export")
@filters
@journal_options
def export_command(configs: tuple[str, ...], data_dir: str | None, **conditions: Any) -> None:
    """Prints dead letters as NDJSON, the oldest first; `import` takes them in again. They stay where they are."""
    _list(place_of(configs, data_dir), query_of(**conditions), as_json)


def _list(place: Place, query: LetterQuery, told: Callable[[DeadLetter], str]) -> None:
    async def each(desk: Desk) -> None:
        found = False
        async for letter in _letters(desk, query):
            found = True
            click.echo(told(letter))
        if not found:
            await _expect_known(desk, place, query)

    ask(place, each)


async def _count(desk: Desk, place: Place, query: LetterQuery) -> list[LetterCount]:
    """Raises LookupError, as `_expect_known` does."""
    counts = await desk.count(query)
    if not counts:
        await _expect_known(desk, place, query)
    return counts


async def _expect_known(desk: Desk, place: Place, query: LetterQuery) -> None:
    """Where nothing was found: raises LookupError if the destination asked for is one that nothing here knows, a slip of the hand.

    `purge` does not ask: that nothing of that name is left is what it is for.
    """
    if query.destination is None:
        return
    dead = {one.destination for one in await desk.count(LetterQuery())}
    known = {*place.known, *dead, *(one.name for one in await desk.destinations())}
    if query.destination not in known:
        raise unknown(query.destination, known)


async def _letters(desk: Desk, query: LetterQuery) -> AsyncIterator[DeadLetter]:
    page = await desk.letters(query)
    while page:
        for letter in page:
            yield letter
        page = await desk.letters(query, after=page[-1].id)


# Changing ------------------------------------------------------------------------------------------------------------


@dlq_command.command("import")
@click.argument("file", type=click.File("rb"), default="-")
@journal_options
@click.pass_context
def import_command(ctx: click.Context, file: Iterable[bytes], configs: tuple[str, ...], data_dir: str | None) -> None:
    """Takes in what `export` printed, from FILE or standard input. Those that are there already are passed over.

    Lines that are no dead letters, or whose event is none, are named on stderr; the exit code is then 3.
    """
    broken = 0

    def refuse(number: int, why: object) -> None:
        nonlocal broken
        broken += 1
        click.echo(f"line {number}: {why}", err=True)

    def letters() -> Iterator[tuple[int, DeadLetter]]:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(BOM_UTF8) if number == 1 else line
            try:
                if text.strip():
                    yield number, letter_of(text)
            except ValueError as error:
                refuse(number, error)

    async def add(desk: Desk) -> tuple[int, int]:
        added = known = 0
        read = letters()
        while batch := list(islice(read, BATCH)):
            came = await desk.add([letter for _, letter in batch])
            for one in came.refused:
                refuse(batch[one.position][0], one.why)
            added += came.count
            known += len(batch) - came.count - len(came.refused)
        return added, known

    added, known = ask(place_of(configs, data_dir), add)
    click.echo(f"{counted(added, 'dead letter')} taken in, {known} were there already", err=True)
    if broken:
        ctx.exit(exits.INCOMPLETE)


@dlq_command.command("replay")
@filters
@click.option(
    "--rate", type=RateType(), metavar="RATE", help="At most so many events, like 100/s.  [default: as they are taken]"
)
@click.option(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A mapping, as JSON: what it makes of each event is sent in its place. Try it with `doorstep map` first.",
)
@click.option("--dry-run", is_flag=True, help="Only count.")
@journal_options
def replay_command(
    rate: float | None,
    mapping: Path | None,
    dry_run: bool,
    configs: tuple[str, ...],
    data_dir: str | None,
    **conditions: Any,
) -> None:
    """Sends dead letters again, each to the destination that gave it up, in the order in which they came in.

    An event that is given up again becomes a dead letter again. A replay goes on after a restart. Where --mapping makes no event of an
    event, the dead letter stays.
    """
    place, query = place_of(configs, data_dir), query_of(**conditions)
    text = _mapping_in(mapping) if mapping is not None else ""

    async def begin(desk: Desk) -> list[str]:
        told = []
        for name in dict.fromkeys(one.destination for one in await _count(desk, place, query)):
            replay = Replay(destination=name, kind="dead", query=query, rate=rate, mapping=text)
            id_, count = await desk.replay(replay, dry_run=dry_run)
            told.append(begun(name, id_, counted(count, "event")))
        return told

    lines = ask(place, begin)
    click.echo("\n".join(lines) if lines else "no dead letters match")


def _mapping_in(file: Path) -> str:
    try:
        text = file.read_text("utf-8-sig")
        mapping_of(text)
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{file}: {error}", param_hint="--mapping") from None
    return text


def begun(destination: str, id_: int, events: str) -> str:
    """A replay, or a dry run of one, in a line."""
    if not id_:
        return f"{destination}: {events} would be sent again"
    return f"{destination}: replay {id_}, {events}: they are sent while the engine runs"


@dlq_command.command("purge")
@filters
@click.option("--yes", is_flag=True, help="Do not ask, at a terminal either.")
@journal_options
def purge_command(yes: bool, configs: tuple[str, ...], data_dir: str | None, **conditions: Any) -> None:
    """Deletes dead letters for good. `export` keeps a copy."""
    place, query = place_of(configs, data_dir), query_of(**conditions)
    if not yes:
        found = sum(one.count for one in ask(place, lambda desk: desk.count(query)))
        asked(f"Delete {counted(found, 'dead letter')} for good?")
    click.echo(f"{counted(ask(place, lambda desk: desk.purge(query)), 'dead letter')} deleted", err=True)


# As text -------------------------------------------------------------------------------------------------------------


def _table(counts: list[LetterCount]) -> str:
    if not counts:
        return "no dead letters"
    rows = [
        [one.destination, one.reason, f"{one.count:,}", moment(one.first_at), moment(one.last_at)] for one in counts
    ]
    return columns([["destination", "reason", "count", "first", "last"], *rows])


def _line(letter: DeadLetter) -> str:
    event = letter.event or letter.type or "-"
    return f"{letter.id}  {moment(letter.last_at)}  {letter.destination}  {letter.reason}  {letter.message_id or '-'}  {event}"


def _shown(letter: DeadLetter) -> str:
    status = f" (status {letter.status})" if letter.status else ""
    facts = [
        ["destination", letter.destination],
        ["reason", letter.reason + status],
        ["said", letter.excerpt or "-"],
        ["message id", letter.message_id or "-"],
        ["number", f"{letter.number}"],
        ["received", f"{moment(letter.received)} from {letter.source}"],
        ["version", letter.version],
        *(["try", " ".join([moment(one.at), one.reason, f"{one.status or ''}"])] for one in letter.tries),
        ["given up", moment(letter.last_at)],
    ]
    width = max(len(name) for name, _ in facts)
    told = [f"{name.ljust(width)}  {value}".rstrip() for name, value in facts]
    return "\n".join([f"dead letter {letter.id}", *told, letter.line.decode("utf-8", "replace")])


_EACH: dict[str, Callable[[DeadLetter], str]] = {"text": _line, "json": as_json}
