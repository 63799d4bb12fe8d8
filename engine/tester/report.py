"""What a test of one event at one destination found: plain Structs, as JSON can hold them. No secret is in them."""

from __future__ import annotations

from typing import Any

import msgspec


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can keep an event from a destination."""

    name: str
    """`sources`, `enabled`, `consent`, `integrations`, `trigger`, `actions`, `sampling`."""
    passed: bool
    detail: str = ""
    """What decided: the clause of a trigger, the category, the key of the `integrations` object."""


class FieldReport(msgspec.Struct, frozen=True, kw_only=True):
    """One field of an action, beside what it was made of."""

    name: str
    label: str
    value: Any = None
    """As it goes to the vendor; null for nothing."""
    made_of: Any = None
    """Its mapping; null if it has none."""
    problem: str = ""
    """Which rule it breaks."""


class RequestReport(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it would go out, secrets masked."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


class ResponseReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: str
    """Its beginning."""
    made_up: bool = False
    """Whether nothing was sent, and a function was given this instead."""


class ActionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an action does with the event."""

    name: str
    label: str
    wanted: bool
    """Whether the event goes through it: its trigger matches, or it was asked for by name."""
    matches: bool = True
    """Whether its trigger matches."""
    clause: str = ""
    """The part of the trigger that decided."""
    fields: list[FieldReport] = []
    requests: list[RequestReport] = []
    responses: list[ResponseReport] = []
    more: bool = False
    """Whether other requests follow, which depend on the answers: they are seen when it is sent."""
    outcome: str = ""
    """`would be sent`, `would be delivered` (a function, whose requests nobody answers), `delivered`, `filtered`, `rejected` (a dead
    letter), `tried again`, `held`, `failed`."""
    reason: str = ""
    detail: str = ""


class FunctionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an insert function did with the event, on its way to a destination."""

    name: str
    outcome: str
    """`passed on`, or as of an action."""
    reason: str = ""
    detail: str = ""
    """The error, with the line of the function that it came from."""
    requests: list[RequestReport] = []
    responses: list[ResponseReport] = []
    """What `ctx.fetch` got: without `--send` an empty object, with status 200, for each."""
    logs: list[str] = []


class DestinationReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one destination."""

    destination: str
    type: str
    passed: bool
    """Whether the event goes there, and nothing is wrong with that."""
    filtered_by: str = ""
    """The name of the check that keeps it away."""
    checks: list[Check] = []
    event: dict[str, Any] | None = None
    """As the destination sees it, where that is not as it came in: fields were taken out, or a function changed it."""
    functions: list[FunctionReport] = []
    """The insert functions before it, up to the one that kept the event."""
    actions: list[ActionReport] = []
    """Of a destination without actions there is one, without a name."""
    returned: Any = None
    """By the handler, where the destination is a function."""
    logs: list[str] = []
    """What it said with `ctx.log`."""

    @property
    def failed(self) -> bool:
        """Whether something is wrong: not that it is filtered on purpose."""
        return not self.passed and not self.filtered_by
