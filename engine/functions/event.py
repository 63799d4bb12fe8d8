"""An event as a function sees it: the dict that it is, its top-level fields also attributes."""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import InvalidEventPayload

_OBJECTS = frozenset({"properties", "traits", "context", "integrations"})
_SCALARS = frozenset(
    {
        *("type", "messageId", "userId", "anonymousId", "groupId", "previousId", "event", "name", "category"),
        *("timestamp", "originalTimestamp", "sentAt", "receivedAt"),
    }
)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Event(dict[str, Any]):
    """`event["userId"]` and `event.userId` are the same; nested parts are plain dicts. Each handler gets one of its own, to keep or change.

    What the spec knows and this event has not is None as an attribute, except `properties`, `traits`, `context` and `integrations`: these
    become an empty dict of the event when they are first asked for, so that reading and writing them needs no test.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            value = self[name]
        except KeyError:
            value = None
            if name not in _OBJECTS and name not in _SCALARS:
                raise AttributeError(f"the event has no field {name!r}") from None
        if value is None and name in _OBJECTS:
            value = self[name] = {}
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        self.pop(name, None)

    def to_dict(self) -> dict[str, Any]:
        """A plain dict of the same content."""
        return dict(self)


def decode(line: bytes) -> Event:
    """The whole event, decoded once. Raises InvalidEventPayload if a part that was only skipped on arrival is undecodable (`1e999`)."""
    try:
        return Event(_decode(line))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEventPayload(f"the event cannot be decoded: {error}") from error
