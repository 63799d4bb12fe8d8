"""`doorstep replay`: events of the journal, to one destination, again or for the first time."""

from __future__ import annotations

import click

from ..journal.desk import LetterQuery, Replay
from .check import counted
from .desk import ask, journal_options, place_of
from .dlq import begun
from .telling import MomentType, RateType


@click.command("replay")
@click.argument("destination", metavar="DEST")
@click.option(
    "--since",
    type=MomentType(),
    required=True,
    metavar="TIME",
    help="Received since then: 2h, or 2026-11-23T16:00 (UTC).",
)
@click.option("--until", type=MomentType(), metavar="TIME", help="Received before then.  [default: up to now]")
@click.option("--where", metavar="FQL", help="Only events that match.")
@click.option(
    "--rate", type=RateType(), metavar="RATE", help="At most so many events, like 100/s.  [default: as they are taken]"
)
@click.option("--dry-run", is_flag=True, help="Only count.")
@journal_options
def replay_command(
    destination: str,
    since: float,
    until: float | None,
    where: str | None,
    rate: float | None,
    dry_run: bool,
    configs: tuple[str, ...],
    data_dir: str | None,
) -> None:
    """Sends events that the journal still holds to the destination DEST again, in their order.

    Its trigger, consent and the rest are asked as for any event. What DEST has not had its first try of yet is left out: it comes by
    itself. How far back the journal goes is `retention` in the configuration. A replay goes on after a restart.
    """
    query = LetterQuery(since=since, until=until, where=where)
    replay = Replay(destination=destination, kind="journal", query=query, rate=rate)
    id_, count = ask(place_of(configs, data_dir), lambda desk: desk.replay(replay, dry_run=dry_run))
    click.echo(
        begun(destination, id_, f"at most {counted(count, 'event')}" if dry_run else f"about {counted(count, 'event')}")
    )
