"""What a change is of, as its body says: for the audit log. Pure.

    Begin | LetterQuery | Letters | Trial -> names, numbers and times

Nothing of an event is in it, nor a condition on events or a mapping: who writes one may name a person. That there was one is said.
"""

from __future__ import annotations

from typing import TypeAlias

from ..journal.desk import LetterQuery
from .bench import Trial
from .messages import Begin, Letters

Fact: TypeAlias = str | int | float | bool | list[int]

IDS = 100
"""So many are named; of more, how many they were."""
CHARS = 100
"""Of a text: a name is shorter, and a line of the log is no place for what somebody sent by mistake."""


def facts_of(asked: object) -> dict[str, Fact]:
    """For a body that was read; empty for one that says nothing more than the address."""
    if isinstance(asked, Begin):
        replay = asked.replay
        facts = {"kind": replay.kind, "rate": replay.rate, "mapping": bool(replay.mapping), "dry_run": asked.dry_run}
        return _said(**{**_conditions(replay.query), **facts, "destination": replay.destination})
    if isinstance(asked, LetterQuery):
        return _said(**_conditions(asked))
    if isinstance(asked, Letters):
        return {"letters": len(asked.letters)}
    if isinstance(asked, Trial):
        return _said(destination=asked.destination, action=asked.action, edit=asked.edit.action if asked.edit else None)
    return {}


def _conditions(query: LetterQuery) -> dict[str, Fact | None]:
    ids = query.ids
    return {
        "destination": query.destination,
        "reason": query.reason,
        "since": query.since,
        "until": query.until,
        "where": query.where is not None,
        "ids": None if ids is None or len(ids) > IDS else list(ids),
        "ids_count": None if ids is None or len(ids) <= IDS else len(ids),
    }


def _said(**facts: Fact | None) -> dict[str, Fact]:
    """Those there are."""
    there = {name: fact for name, fact in facts.items() if fact is not None and fact is not False}
    return {name: fact[:CHARS] if isinstance(fact, str) else fact for name, fact in there.items()}
