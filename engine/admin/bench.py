"""Trying things out before they are real, and the configuration: what the API asks of the engine for that.

Values and the contract; `tester` keeps it. Nothing here is sent anywhere but by `send`, and no secret is in what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol

import msgspec
from msgspec import Meta

from ..journal.desk import StoredEvent


class Edit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action as somebody would like to have it. What is absent is as it is configured."""

    action: str
    trigger: str | None = None
    mapping: dict[str, Any] | None = None


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event, to be tested at one destination or at all of them, maybe with an edited action."""

    event: dict[str, Any]
    destination: str | None = None
    action: str | None = None
    """Only this one, whatever its trigger says."""
    edit: Edit | None = None


class Tried(msgspec.Struct, frozen=True):
    """What became of it at each destination: `DestinationReport`s of the event tester."""

    reports: list[Any]


class DryRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An edited action, to be tried on the latest events of the journal."""

    destination: str
    edit: Edit
    events: Annotated[int, Meta(ge=1, le=500)] = 200


class FieldChange(msgspec.Struct, frozen=True):
    """One field of one event."""

    name: str
    before: Any
    after: Any


class EventChange(msgspec.Struct, frozen=True, kw_only=True):
    """What would be different for one event."""

    number: int
    message_id: str | None
    wanted: Literal["as before", "now", "no more"]
    """By the trigger."""
    fields: list[FieldChange] = []
    problem_before: str = ""
    problem_after: str = ""


class DryRunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an edited action would change."""

    looked_at: int
    wanted_before: int
    wanted_after: int
    refused_before: int
    """Events whose fields would be refused ..."""
    refused_after: int
    changed: int
    fields: dict[str, int]
    """In how many events each field differs."""
    examples: list[EventChange]
    """Some of them, the newest first."""


class FieldShown(msgspec.Struct, frozen=True, kw_only=True):
    """A field of an action, beside what it is made of."""

    name: str
    label: str
    type: str
    required: bool
    description: str
    mapping: Any = None


class ActionShown(msgspec.Struct, frozen=True, kw_only=True):
    """An action in use."""

    name: str
    label: str
    description: str
    trigger: str
    version: str
    """Of its mapping."""
    mapping: dict[str, Any]
    fields: list[FieldShown]


class DestinationShown(msgspec.Struct, frozen=True, kw_only=True):
    """A destination as it is configured, secrets masked."""

    name: str
    type: str
    settings: dict[str, Any]
    """All of `[destinations.NAME]`, with what holds where nothing is written."""
    actions: list[ActionShown]


class Wrong(msgspec.Struct, frozen=True):
    """A problem of the configuration."""

    path: str
    message: str
    file: str | None = None
    line: int | None = None


class Checked(msgspec.Struct, frozen=True):
    """All that is wrong with the files as they are now; empty if they would be taken."""

    problems: list[Wrong]


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload changed."""

    added: list[str] = []
    removed: list[str] = []
    changed: dict[str, list[str]] = {}
    needs_restart: list[Wrong] = []


class Bench(Protocol):
    """Raises LookupError for what is not there, ValueError for what makes no sense, ConfigError for bad files."""

    def secrets(self) -> Sequence[str]:
        """All that are configured, to keep them out of answers."""
        ...

    def shown(self, destination: str) -> DestinationShown: ...

    def configuration(self) -> dict[str, Any]:
        """The one in use, secrets masked."""
        ...

    def samples(self) -> Mapping[str, Mapping[str, Any]]:
        """Plausible events, by name."""
        ...

    async def test(self, trial: Trial, *, send: bool) -> list[Any]: ...

    async def dry_run(self, ask: DryRun, events: Sequence[StoredEvent]) -> DryRunReport: ...

    async def check(self) -> Checked: ...

    async def reload(self) -> Reloaded: ...
