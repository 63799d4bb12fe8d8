"""What Amplitude answers. One bad event has the whole request refused; the answer lists it, and perhaps not the next one.

    request -> 400 with indexes -> those are rejected, the others sent again -> ... -> 200
            -> 429 with indexes -> those come again in half a minute, the others are sent again

A request that was refused was not taken in any part, so nothing is sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from doorstep.engine.sdk import (
    DELIVERED,
    Delivered,
    Exchange,
    Failure,
    Fault,
    Item,
    Outcome,
    Rejected,
    Request,
    Response,
    Retry,
    reported,
    verdict_by_status,
)

THROTTLED_S = 30.0
"""How long a user or device that sends too much is left alone, as Amplitude advises."""
QUOTA_S = 3600.0
"""For one that is over its quota of the day."""
MOST_ROUNDS = 10
"""Requests of an exchange; what is refused even then comes again later."""

_INVALID = (
    "events_with_invalid_fields",
    "events_with_missing_fields",
    "events_with_invalid_id_lengths",
)


def read(response: Response) -> Delivered | Failure:
    """What it says about a request as a whole."""
    verdict = verdict_by_status(response)
    if not isinstance(verdict, Failure) or response.status != 400:
        return verdict
    said = _said(response)
    error = str(said.get("error", "")) or response.body[:100].decode(errors="replace")
    if said.get("missing_field") == "api_key" or "api key" in error.lower() or "api_key" in error.lower():
        return Failure(Fault.CONFIGURATION, "invalid_api_key", status=400, detail=error[:200])
    return verdict


def converse(
    items: Sequence[Item],
    request: Callable[[Sequence[Item]], Request],
    records: Callable[[Sequence[Item]], int] = len,
) -> Exchange:
    """Sends `items`, without those that are named, until the others are taken; `records` says how many events of Amplitude's some are."""
    outcomes: dict[int, Outcome] = {}
    rest = list(items)
    for _ in range(MOST_ROUNDS):
        response = yield request(rest)
        verdict = read(response)
        named = {} if isinstance(verdict, Delivered) else _named(response, rest)
        if not named:
            break
        outcomes |= {rest[place].position: outcome for place, outcome in named.items()}
        rest = [item for place, item in enumerate(rest) if place not in named]
        if not rest:
            break
    if rest and isinstance(verdict, Failure):
        if not named:
            return verdict  # nothing was taken: all of it again
        outcomes |= {item.position: Retry("refused_with_others", verdict.after) for item in rest}
    each = [outcomes.get(item.position, DELIVERED) for item in items]
    return reported(each, records(rest), _said(response).get("events_ingested")) if rest else each


def _named(response: Response, items: Sequence[Item]) -> dict[int, Outcome]:
    """What becomes of the items that the answer names, by their place; {} if it names none, or what was not sent."""
    said = _said(response) if response.status in (400, 429) else {}
    over = {**_table(said.get("exceeded_daily_quota_users")), **_table(said.get("exceeded_daily_quota_devices"))}
    found: dict[int, Outcome] = {}
    for key in ("throttled_events", "silenced_events"):
        found |= {index: Retry(key.removesuffix("_events"), THROTTLED_S) for index in _indexes(said.get(key))}
    for key in _INVALID:
        for field, indexes in _table(said.get(key)).items():
            found |= {index: Rejected("invalid_event", f"{key}: {field}"[:200]) for index in _indexes(indexes)}
    if not found:
        return {}
    records = [(place, record) for place, item in enumerate(items) for record in _records(item.body)]
    if not all(0 <= index < len(records) for index in found):
        return {}
    named: dict[int, Outcome] = {}
    for index, outcome in found.items():
        place, record = records[index]
        if isinstance(outcome, Retry) and (record.get("user_id") in over or record.get("device_id") in over):
            outcome = Retry("daily_quota", QUOTA_S)
        if not isinstance(named.get(place), Rejected):
            named[place] = outcome
    return named


def _records(body: bytes) -> list[dict[str, Any]]:
    return msgspec.json.decode(body, type=list[dict[str, Any]])


def _said(response: Response) -> dict[str, Any]:
    try:
        return msgspec.json.decode(response.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _indexes(value: Any) -> list[int]:
    return [index for index in value if type(index) is int] if isinstance(value, list) else []
