"""What the values that handlers return come to: for a destination an answer about each event, for an insert function the event itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from operator import is_
from typing import Any

import msgspec

from ..errors import Fault
from ..model.outcome import DELIVERED, Rejected, Retry
from ..sdk.verdict import fault_of_status
from .calling import DROPPED, Finish, Result, WrongResult
from .event import Event
from .function import Handler

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""The largest event that an engine can be set to take."""


class DestinationFinish(Finish):
    """`on_batch` returns None, or `{"status": int, "errormessage": str}` for each event.

    What is no list says nothing of any event. As in the reference all are delivered then: they were sent, and to send them again because
    of that would send them twice.
    """

    def all(self, handler: Handler, returned: Any, events: Sequence[Event]) -> list[Result]:
        """See `Finish`."""
        if isinstance(returned, Iterator | AsyncIterator):
            kind = type(returned).__name__
            raise WrongResult(f'{handler.name} must return None or a list of {{"status": 200}}; {kind} was never run')
        if not isinstance(returned, list | tuple):
            return [DELIVERED] * len(events)
        answers = list(returned)
        if len(answers) != len(events):
            raise WrongResult(f"{handler.name} returned {len(answers)} answers for {len(events)} events")
        return [_answered(handler, answer, position) for position, answer in enumerate(answers)]

    def doubt(self, handler: Handler, returned: Any) -> str:
        """See `Finish`."""
        if returned is None or isinstance(returned, list | tuple):
            return ""
        kind = type(returned).__name__
        return f'{handler.name} must return None or a list of {{"status": 200}}; {kind} is not looked at, and all count as delivered'


class InsertFinish(Finish):
    """A handler returns the event, changed or not; None drops it. `on_batch` returns those that go on, in order."""

    nothing = DROPPED

    def one(self, handler: Handler, returned: Any) -> Result:
        """See `Finish`."""
        return DROPPED if returned is None else _line(handler, returned)

    def all(self, handler: Handler, returned: Any, events: Sequence[Event]) -> list[Result]:
        """See `Finish`."""
        if returned is None:
            return [DROPPED] * len(events)
        if not isinstance(returned, list | tuple):
            kind = type(returned).__name__
            raise WrongResult(f"{handler.name} must return the list of events that go on, not {kind}")
        kept = list(returned)
        if len(kept) == len(events) and all(map(is_, kept, events)):
            return [_line(handler, event) for event in kept]
        results: list[Result] = [DROPPED] * len(events)
        for position, event in _placed(handler, kept, events):
            results[position] = _line(handler, event)
        return results


def _answered(handler: Handler, answer: Any, position: int) -> Result:
    status = answer.get("status") if isinstance(answer, Mapping) else None
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise WrongResult(
            f'{handler.name} must return {{"status": 200}} or the like for each event; at position {position} it has {_shown(answer)}'
        )
    fault = fault_of_status(status)
    if fault is None:
        return DELIVERED
    detail = str(answer.get("errormessage", ""))[:300]
    reason = f"http_{status}"
    return Retry(reason, None, detail) if fault is Fault.TRANSIENT else Rejected(reason, detail)


def _shown(value: Any) -> str:
    return f"status {value.get('status')!r:.40}" if isinstance(value, Mapping) else type(value).__name__


def _placed(handler: Handler, kept: Sequence[Any], events: Sequence[Event]) -> Iterator[tuple[int, Any]]:
    """Each returned event with the position of the one that it is. In a list as long as the one given, one that is none of them takes the
    place that it is at, and None drops the event there."""
    is_as_long = len(kept) == len(events)
    objects = {id(event): position for position, event in enumerate(events)}
    left = dict(enumerate(events))
    for place, event in enumerate(kept):
        if event is None and is_as_long:
            continue
        position = objects.get(id(event))
        if position is None:
            position = _of_identity(event, place, left)
        if position is None and is_as_long:
            position = place
        if position is None:
            raise WrongResult(f"{handler.name} returned fewer events than it was given, and one that is none of them")
        if left.pop(position, None) is None:
            raise WrongResult(f"{handler.name} returned two events for the one at position {position}")
        yield position, event


def _of_identity(kept: Any, place: int, left: Mapping[int, Event]) -> int | None:
    """Where the event with its messageId is, of those left: at its own place, if there are several."""
    identity = kept.get("messageId") if isinstance(kept, Mapping) else None
    if identity is None:
        return None
    if place in left and left[place].get("messageId") == identity:
        return place
    return next((position for position, event in left.items() if event.get("messageId") == identity), None)


def _line(handler: Handler, event: Any) -> bytes:
    if not isinstance(event, dict):
        raise WrongResult(f"{handler.name} must return the event or None, not {type(event).__name__}")
    if not isinstance(event.get("type"), str):
        raise WrongResult(f"{handler.name} returned an event without `type`")
    try:
        line = msgspec.json.encode(event)
    except (TypeError, ValueError, RecursionError) as error:
        raise WrongResult(f"{handler.name} returned what JSON cannot hold: {error}") from None
    if len(line) > MAX_EVENT_BYTES:
        raise WrongResult(f"{handler.name} returned an event of {len(line)} bytes; at most {MAX_EVENT_BYTES} can go on")
    return line
