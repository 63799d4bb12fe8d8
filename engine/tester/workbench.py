"""Trying things out on a running engine, and its configuration: the `Bench` that the admin API asks.

    Trial  -> the configuration, one action edited -> EventTester -> reports
    DryRun -> the configured action and the edited one, each on the latest events -> what differs

Nothing that is tried here has any effect, but for `send`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import anyio.to_thread
import msgspec

from ..admin.bench import (
    ActionShown,
    Checked,
    DestinationShown,
    DryRun,
    DryRunReport,
    Edit,
    FieldShown,
    Reloaded,
    Trial,
    Wrong,
)
from ..catalogue import Catalogue
from ..config.changes import Changes
from ..config.settings import Config, DestinationSettings
from ..errors import ConfigError, Problem
from ..journal.desk import StoredEvent
from ..net import NetSettings, open_transport
from ..sdk.actions import ActionDestination, Use
from ..sdk.samples import ECOMMERCE, SAMPLES
from ..sdk.using import ActionSettings, acting, choose
from ..telemetry.masking import secrets_of
from .drying import compared
from .report import DestinationReport
from .sending import OpenTransport
from .showing import as_shown
from .trying import EventTester


class Files(Protocol):
    """Where the configuration is from."""

    async def check(self) -> list[Problem]: ...
    async def apply(self) -> Changes: ...


class Workbench:
    """See `Bench`. `config` gives the one in use; `files` where it is from, None if that is not known."""

    def __init__(
        self,
        config: Callable[[], Config],
        catalogue: Catalogue,
        files: Callable[[], Files | None],
        open_transport: Callable[[NetSettings], Any] = open_transport,
    ) -> None:
        self._config = config
        self._catalogue = catalogue
        self._files = files
        self._open_transport: OpenTransport = open_transport
        self._seen: Config | None = None
        self._secrets: list[str] = []

    # What is configured ----------------------------------------------------------------------------------------------

    def secrets(self) -> Sequence[str]:
        """See `Bench`. Looked for again only in another configuration."""
        config = self._config()
        if config is not self._seen:
            self._seen, self._secrets = config, secrets_of(config)
        return self._secrets

    def configuration(self) -> dict[str, Any]:
        """See `Bench`."""
        return as_shown(self._config())

    def shown(self, destination: str) -> DestinationShown:
        """See `Bench`."""
        settings = self._settings(destination)
        return DestinationShown(
            name=destination,
            type=settings.type,
            settings=as_shown(settings),
            actions=[_action(use) for use in self._uses(settings)],
        )

    def samples(self) -> Mapping[str, Mapping[str, Any]]:
        """See `Bench`."""
        return {**SAMPLES, **ECOMMERCE}

    async def check(self) -> Checked:
        """See `Bench`."""
        return Checked([_wrong(problem) for problem in await self._known_files().check()])

    async def reload(self) -> Reloaded:
        """See `Bench`."""
        try:
            changes = await self._known_files().apply()
        except ConfigError as error:
            problems = "; ".join(map(str, error.problems))
            raise ValueError(f"not reloaded, the old configuration stays: {problems}") from None
        return Reloaded(
            added=changes.added,
            removed=changes.removed,
            changed=changes.changed,
            needs_restart=[_wrong(problem) for problem in changes.needs_restart],
        )

    def _known_files(self) -> Files:
        files = self._files()
        if files is None:
            raise ValueError("the configuration of this engine is from no file")
        return files

    # Trying ----------------------------------------------------------------------------------------------------------

    async def test(self, trial: Trial, *, send: bool) -> list[DestinationReport]:
        """See `Bench`."""
        config = self._config()
        if trial.destination is not None:
            settings = self._settings(trial.destination)
            if trial.edit is not None:
                settings = self._edited(settings, trial.edit)
            config = msgspec.structs.replace(config, destinations={trial.destination: settings})
        elif trial.edit is not None or trial.action is not None:
            raise msgspec.ValidationError("an action is one destination's: say which")
        tester = EventTester(config, catalogue=self._catalogue, open_transport=self._open_transport)
        try:
            return await tester.test(trial.event, destination=trial.destination, action=trial.action, send=send)
        except ValueError as error:
            raise msgspec.ValidationError(str(error)) from None

    async def dry_run(self, ask: DryRun, events: Sequence[StoredEvent]) -> DryRunReport:
        """See `Bench`."""
        config, settings = self._config(), self._settings(ask.destination)
        before = self._use(settings, ask.edit.action)
        after = self._use(self._edited(settings, ask.edit), ask.edit.action)
        if after is None:
            raise LookupError(f"{ask.destination} has no action {ask.edit.action!r}")
        one = msgspec.structs.replace(config, destinations={ask.destination: settings})
        return await anyio.to_thread.run_sync(compared, one, self._catalogue, before, after, events)

    def _settings(self, destination: str) -> DestinationSettings:
        try:
            return self._config().destinations[destination]
        except KeyError:
            raise LookupError(f"no destination {destination}") from None

    def _uses(self, settings: DestinationSettings) -> list[Use]:
        """The actions in use; [] for a type that has none. Raises msgspec.ValidationError with all that is wrong."""
        kind = acting(self._catalogue.load(settings.type).destination, settings.actions)
        if not issubclass(kind, ActionDestination):
            return []
        chosen = choose(kind, settings.settings, settings.actions)
        if chosen.wrong:
            wrong = "; ".join(f"{one.action}.{one.key}: {one.message}" for one in chosen.wrong)
            raise msgspec.ValidationError(wrong)
        return chosen.uses

    def _use(self, settings: DestinationSettings, action: str) -> Use | None:
        return next((use for use in self._uses(settings) if use.name == action), None)

    def _edited(self, settings: DestinationSettings, edit: Edit) -> DestinationSettings:
        """With the action as it was edited, as if that were in the file. Raises msgspec.ValidationError with all that is wrong."""
        kind = acting(self._catalogue.load(settings.type).destination, settings.actions)
        if not issubclass(kind, ActionDestination):
            raise LookupError(f"{settings.type} is a type without actions")
        action = settings.actions.get(edit.action, ActionSettings())
        changes: dict[str, Any] = {"enabled": True}
        if edit.trigger is not None:
            changes["trigger"] = edit.trigger
        if edit.mapping is not None:
            changes |= {"mapping": edit.mapping, "mapping_file": None}
        edited = msgspec.structs.replace(action, **changes)
        settings = msgspec.structs.replace(settings, actions={**settings.actions, edit.action: edited})
        self._uses(settings)
        return settings

    def __repr__(self) -> str:
        return f"<Workbench of {', '.join(self._config().destinations)}>"


def _action(use: Use) -> ActionShown:
    return ActionShown(
        name=use.name,
        label=use.action.label,
        description=use.action.description,
        trigger=use.trigger,
        version=use.version,
        mapping=dict(use.mapping),
        fields=[
            FieldShown(
                name=name,
                label=field.label,
                type=f"list of {field.type}" if field.multiple else field.type,
                required=field.required is True,
                description=field.description,
                mapping=use.mapping.get(name),
            )
            for name, field in use.action.fields.items()
        ],
    )


def _wrong(problem: Problem) -> Wrong:
    return Wrong(problem.path, problem.message, problem.file, problem.line)
