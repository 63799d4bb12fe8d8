"""What Braze's answers mean.

201 {"message": "success", "errors": [{"type": "...", "input_array": "events", "index": 1}]}: what is named was refused, the rest is done.
400: all of it was refused, and nothing is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from doorstep.engine.sdk import Failure, Fault, Outcome, Rejected, Response, verdict_by_status

ARRAYS = ("attributes", "events", "purchases")
"""What /users/track takes, and counts in its answer."""


def read_answer(response: Response, owners: Mapping[str, Sequence[int]]) -> Failure | dict[int, Outcome]:
    """The fate of the whole request, or what of it was refused, by position.

    `owners` says for each array of the request whose its objects are.
    """
    verdict = verdict_by_status(response)
    if isinstance(verdict, Failure):
        wait = response.headers.get("x-ratelimit-retry-after", "")
        if verdict.after is None and wait.isascii() and wait.isdigit():
            return msgspec.structs.replace(verdict, after=float(wait))
        return verdict
    refused: dict[int, Outcome] = {}
    everybody = {position for positions in owners.values() for position in positions}
    for error in _errors(response.body):
        owner = _owner(error, owners) if len(everybody) > 1 else min(everybody)
        if owner is None:
            return Failure(Fault.EVENT, "refused", status=response.status, detail=_words(error))
        refused[owner] = Rejected("refused", _words(error))
    return refused


def processed(body: bytes) -> int | None:
    """How many objects of all kinds were taken; None if it does not say."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    counts = [found.get(f"{array}_processed") for array in ARRAYS] if isinstance(found, dict) else []
    told = [count for count in counts if type(count) is int and count >= 0]
    return sum(told) if told else None


def _errors(body: bytes) -> list[Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    errors = found.get("errors") if isinstance(found, dict) else None
    return errors if isinstance(errors, list) else []


def _owner(error: Any, owners: Mapping[str, Sequence[int]]) -> int | None:
    if not isinstance(error, dict) or type(index := error.get("index")) is not int:
        return None
    array = error.get("input_array")
    positions = owners.get(array, ()) if isinstance(array, str) else ()
    if not positions and len(owners) == 1:  # beside /users/track, Braze calls arrays as it likes
        [positions] = owners.values()
    return positions[index] if 0 <= index < len(positions) else None


def _words(error: Any) -> str:
    words = error.get("type") if isinstance(error, dict) else error
    return words if isinstance(words, str) else ""
