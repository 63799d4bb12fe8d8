"""What Mixpanel answers, in its three dialects: JSON with the records that it refused, `{"status": 0}`, and a bare `0`.

/import and whatever is asked with `strict=1` name the records that they refuse, and have taken the others. The older endpoints
answer 200 to everything, and say in the body whether they took it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from doorstep.engine.sdk import (
    DELIVERED,
    Delivered,
    Failure,
    Fault,
    Item,
    Outcome,
    Rejected,
    Response,
    Verdict,
    verdict_by_status,
)

_MOST_CHARACTERS = 200


def read(response: Response, items: Sequence[Item]) -> Verdict:
    """What it says about `items`, each of which is one record or a list of them."""
    verdict = verdict_by_status(response)
    said = _json(response.body)
    if response.status in (200, 400) and isinstance(said, dict) and (refused := _refused(said.get("failed_records"))):
        return _each(refused, items) or verdict
    if not isinstance(verdict, Delivered):
        return verdict
    error = said.get("error") if isinstance(said, dict) else None
    if error or _is_zero(said.get("status") if isinstance(said, dict) else said):
        return _failure(response.status, str(error or ""))
    return verdict


def imported(response: Response) -> object:
    """How many records /import says it has taken."""
    said = _json(response.body)
    return said.get("num_records_imported") if isinstance(said, dict) else None


def _failure(status: int, error: str) -> Failure:
    """A 200 that hides one. Which record it is about is not said, unless it is about the token, which all have in common."""
    if "token" in error:
        return Failure(Fault.CONFIGURATION, "token_refused", status=status, detail=error[:_MOST_CHARACTERS])
    return Failure(Fault.EVENT, "nothing_taken", status=status, detail=error[:_MOST_CHARACTERS])


def _refused(records: Any) -> dict[int, str]:
    """Why, by the index of a record."""
    found = {}
    for record in records if isinstance(records, list) else ():
        if isinstance(record, dict) and type(record.get("index")) is int:
            found[record["index"]] = f"{record.get('field', '')}: {record.get('message', '')}"[:_MOST_CHARACTERS]
    return found


def _each(refused: dict[int, str], items: Sequence[Item]) -> list[Outcome]:
    """An outcome for each item; [] if an index is of no record that was sent."""
    owners = [position for position, item in enumerate(items) for _ in range(_records(item.body))]
    if not all(0 <= index < len(owners) for index in refused):
        return []
    outcomes: list[Outcome] = [DELIVERED] * len(items)
    for index, why in refused.items():
        outcomes[owners[index]] = Rejected("record_refused", why)
    return outcomes


def _records(body: bytes) -> int:
    return len(msgspec.json.decode(body, type=list[msgspec.Raw])) if body.startswith(b"[") else 1


def _is_zero(value: Any) -> bool:
    return type(value) is int and value == 0


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
