"""`doorstep explain`: the whole life of one event."""

from __future__ import annotations

import click

from ..journal.desk import Life, Story
from ..journal.records import Attempt
from . import exits
from .desk import Place, ask, journal_options, place_of
from .telling import as_json, moment

_TEXTS = {
    "filtered": "filtered, it is not for this destination{because}",
    "parked": "waits for its next try at {due}{because}",
    "dead": "given up, {letters}{because}",
    "pending": "pending: it has not been delivered yet",
    "expired": "expired: it was given up for its age or for the size of the backlog, and is not delivered",
    "damaged": "damaged: its bytes are not what was written, and it is not delivered",
    "not_offered": "not offered: the destination began with later events",
    "unknown": "settled: what says how is gone, being older than what is kept, purged, or lost",
}
"""What is said of a state; any other is said as it is."""


@click.command("explain")
@click.argument("message_id")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How.")
@journal_options
@click.pass_context
def explain_command(
    ctx: click.Context, message_id: str, form: str, configs: tuple[str, ...], data_dir: str | None
) -> None:
    """Shows what became of the event MESSAGE_ID: when it was received, and per destination each attempt, or why there was none.

    An event without messageId goes by its idempotency key. Exit code 3: the journal does not know it.
    """
    place = place_of(configs, data_dir)
    lives = ask(place, lambda desk: desk.explain(message_id))
    if form == "json":
        click.echo(as_json(lives))
    else:
        click.echo("\n\n".join(_life(life, message_id, place) for life in lives) or _unheard(message_id))
    if not lives:
        ctx.exit(exits.INCOMPLETE)


def _unheard(message_id: str) -> str:
    return f"{message_id}: not in this journal: it was never accepted, or it is older than what is kept"


def _life(life: Life, asked: str, place: Place) -> str:
    where = f" from {life.source}" if life.source else ""
    lines = [
        f"{life.message_id or asked}, {f'event {life.number}' if life.number >= 0 else 'of another journal'}",
        f"  {moment(life.received)}  received{where}, and stored",
    ]
    for story in life.stories:
        owner = f" (owner: {place.owners[story.destination]})" if story.destination in place.owners else ""
        is_gone = place.known and story.destination not in place.known and story.state in ("pending", "parked")
        gone = "not configured any more; if it comes back: " if is_gone else ""
        lines += [f"  {story.destination}{owner}: {gone}{_state(story)}", *(f"    {line}" for line in _happened(story))]
    return "\n".join(lines)


def _state(story: Story) -> str:
    """In a few words."""
    due = moment(story.due) if story.due is not None else ""
    text = _TEXTS.get(story.state, story.state)
    told = text.format(because=f": {story.reason}" if story.reason else "", due=due, letters=_letters(story.letter_ids))
    return f"{told} (settings {story.version})" if story.version else told


def _letters(ids: list[int]) -> str:
    return f"dead letter{'s' * (len(ids) > 1)} {', '.join(map(str, ids))}"


def _happened(story: Story) -> list[str]:
    """Attempts as the journal recorded them; those older than that, from the event's own history."""
    if story.attempts:
        return [_attempt(attempt) for attempt in story.attempts]
    return [f"{moment(one.at)}  {one.reason}{_status(one.status)}" for one in story.tries]


def _attempt(attempt: Attempt) -> str:
    reason = f" {attempt.reason}" if attempt.reason else ""
    action = f" ({attempt.action}, mapping {attempt.mapping})" if attempt.action else ""
    return f"{moment(attempt.at)}  {attempt.result}{reason}{_status(attempt.status)}{action}, {attempt.took_ms} ms"


def _status(status: int | None) -> str:
    return f" (status {status})" if status is not None else ""
