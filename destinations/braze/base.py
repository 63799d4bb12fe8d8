"""The settings, and what the actions have in common: where requests go, and how many objects fit into one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec
from doorstep.engine.sdk import (
    DELIVERED,
    Action,
    Exchange,
    Failure,
    Item,
    Limits,
    Outcome,
    Request,
    Response,
    Retry,
    Secret,
    Settings,
    Verdict,
    reported,
    url_problem,
)
from msgspec import Meta

from .answers import ARRAYS, processed, read_answer


class BrazeSettings(Settings, frozen=True):
    """Which workspace, and with which key."""

    api_key: Annotated[
        Secret,
        Meta(
            description="A REST API key with the permissions of the actions in use: users.track, users.identify, users.merge, "
            "users.delete ...",
            examples=["${env:BRAZE_API_KEY}"],
        ),
    ]
    endpoint: Annotated[
        str,
        Meta(
            description="The REST endpoint of your instance.",
            examples=["https://rest.iad-01.braze.com", "https://rest.fra-01.braze.eu"],
        ),
    ]
    app_id: Annotated[str, Meta(description="The app that events and purchases belong to; empty: none.")] = ""
    max_objects: Annotated[
        int, Meta(ge=1, le=1000, description="Attributes, events and purchases that one request takes, together.")
    ] = 75

    def __post_init__(self) -> None:
        if problem := url_problem(self.endpoint):
            raise ValueError(f"`endpoint`: {problem}")


class BrazeAction(Action[BrazeSettings]):
    """A list of things to one path."""

    path: ClassVar[str]
    array: ClassVar[str] = ""
    limits = Limits(max_events=50)

    def __init__(self, settings: BrazeSettings) -> None:
        super().__init__(settings)
        self._url = settings.endpoint.rstrip("/") + self.path
        self._headers = {"Authorization": f"Bearer {settings.api_key.reveal()}", "Content-Type": "application/json"}

    def post(self, body: bytes) -> Request:
        return Request("POST", self._url, self._headers, body)

    def request(self, items: Sequence[Item]) -> Request:
        return self.post(b'{"%b":[%b]}' % (self.array.encode(), b",".join([item.body for item in items])))

    def verdict(self, response: Response, items: Sequence[Item]) -> Verdict:
        found = read_answer(response, {self.array: range(len(items))})
        if isinstance(found, Failure):
            return found
        return [found.get(position, DELIVERED) for position in range(len(items))] if found else DELIVERED


class Made(msgspec.Struct, omit_defaults=True):
    """What /users/track is told of one event: any number of objects of each kind."""

    attributes: list[Any] = []
    events: list[Any] = []
    purchases: list[Any] = []


class _Objects(msgspec.Struct):
    """The same, read back as bytes."""

    attributes: list[msgspec.Raw] = []
    events: list[msgspec.Raw] = []
    purchases: list[msgspec.Raw] = []


class Object(NamedTuple):
    """One object, on its way in a request."""

    owner: int
    """The position of its item."""
    array: str
    body: msgspec.Raw


class TrackAction(BrazeAction):
    """Whatever goes to /users/track, which takes all three kinds of objects in one request. `build` returns a `Made`."""

    path = "/users/track"
    limits = Limits(max_events=75, max_bytes=4_000_000, max_item_bytes=100_000)

    def exchange(self, items: Sequence[Item]) -> Exchange:
        """One request as a rule; more where events make several objects each. What was taken is not sent again."""
        outcomes: list[Outcome] = [DELIVERED] * len(items)
        groups = list(_grouped(items, self.settings.max_objects))
        taken: list[int | None] = []
        for number, group in enumerate(groups):
            response = yield self.post(_body(group))
            found = read_answer(response, _owners(group))
            if isinstance(found, Failure):
                if number == 0:
                    return found
                for one in (one for later in groups[number:] for one in later):
                    outcomes[one.owner] = Retry(found.reason, found.after)
                return outcomes
            taken.append(processed(response.body))
            for owner, outcome in found.items():
                outcomes[owner] = outcome
        told = [(len(group), count) for group, count in zip(groups, taken, strict=True) if count is not None]
        verdict = outcomes if any(outcome is not DELIVERED for outcome in outcomes) else DELIVERED
        return reported(verdict, sum(sent for sent, _ in told), sum(count for _, count in told)) if told else verdict


_read = msgspec.json.Decoder(_Objects).decode


def _grouped(items: Sequence[Item], most: int) -> Iterator[list[Object]]:
    """Objects that fit into a request, those of one item in one if that can be."""
    group: list[Object] = []
    for owner, item in enumerate(items):
        made = _read(item.body)
        objects = [Object(owner, array, body) for array in ARRAYS for body in getattr(made, array)]
        if group and len(group) + len(objects) > most:
            yield group
            group = []
        group += objects
        while len(group) > most:
            yield group[:most]
            group = group[most:]
    if group:
        yield group


def _body(group: Sequence[Object]) -> bytes:
    arrays = {array: [bytes(one.body) for one in group if one.array == array] for array in ARRAYS}
    parts = [b'"%b":[%b]' % (array.encode(), b",".join(bodies)) for array, bodies in arrays.items() if bodies]
    return b"{" + b",".join(parts) + b"}"


def _owners(group: Sequence[Object]) -> Mapping[str, Sequence[int]]:
    found: dict[str, list[int]] = {}
    for one in group:
        found.setdefault(one.array, []).append(one.owner)
    return found
