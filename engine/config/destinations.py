"""What a destination's type says about it: its own settings, the vendor's limits, what holds where the user says nothing."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from ..catalogue import Catalogue
from ..errors import ConfigError
from ..functions import FunctionSettings, FunctionSink
from ..policy.limiter import RateSettings
from ..policy.window import BatchSettings
from ..sdk.destination import Destination, Limits
from ..sdk.using import ActionSettings
from ..settings import Duration, Settings, Size
from .actions import apply_actions
from .build import Builder
from .document import BROKEN
from .functions import function_of, settings_of
from .kinds import toml
from .positions import Path
from .settings import DestinationSettings

AnyDestination = type[Destination[Any]]


def apply_type(builder: Builder, catalogue: Catalogue, name: str, table: dict[str, Any]) -> DestinationSettings | None:
    """Builds the `settings` of a destination and completes the rest by its type; None, and problems, where that fails."""
    path: Path = ("destinations", name)
    kind = _kind(builder, catalogue, path)
    if kind is None:
        return None
    written = table.get("settings", {})
    if not isinstance(written, dict):
        settings: Any = BROKEN
    elif issubclass(kind, FunctionSink):
        settings = _settings_of_function(builder, table, path)
    else:
        settings = _settings(builder, kind, written, (*path, "settings"))
        if "source" in table:
            builder.report((*path, "source"), 'is for type = "function" only; leave it out')
    valid = isinstance(settings, Settings)
    limits = kind.tuned(settings) if valid else kind.limits
    _check_limits(builder, path, table, limits)
    destination = builder.built.get(path)
    if not valid or not isinstance(destination, DestinationSettings):
        actions = _actions_alone(builder, table, path)  # what is wrong in them is told all the same
        apply_actions(builder, path, kind, None, DestinationSettings(type=table["type"], actions=actions))
        return None
    destination = apply_actions(builder, path, kind, settings, destination)
    return _completed(destination, settings, table, kind.label, limits)


def _actions_alone(builder: Builder, table: dict[str, Any], path: Path) -> dict[str, ActionSettings]:
    """Those of a destination that could not be built which could be."""
    written = table.get("actions")
    built = {name: builder.built.get((*path, "actions", name)) for name in written} if isinstance(written, dict) else {}
    return {name: one for name, one in built.items() if isinstance(one, ActionSettings)}


def _settings(builder: Builder, kind: AnyDestination, written: dict[str, Any], path: Path) -> Any:
    """As its type's own Struct; a type that has no settings may say so with `Settings` itself, which elsewhere stands for any."""
    if kind.Settings is not Settings:
        return builder.build(inspect.type_info(kind.Settings), written, path)
    for key in written:
        builder.report((*path, key), "unknown key: this type of destination has no settings")
    return Settings()


def _settings_of_function(builder: Builder, table: dict[str, Any], path: Path) -> Any:
    if "source" not in table:
        builder.report(
            (*path, "source"), 'is missing; write the Python file of the function, such as "functions/teams.py"'
        )
    function = function_of(builder, path)
    return BROKEN if function is None else settings_of(builder, function, table, path)


def _kind(builder: Builder, catalogue: Catalogue, path: Path) -> AnyDestination | None:
    type_ = builder.built.get((*path, "type"))
    if not isinstance(type_, str):
        return None
    try:
        return catalogue.load(type_).destination
    except ConfigError as error:
        for problem in error.problems:
            builder.report((*path, "type"), problem.message)
        return None


def _check_limits(builder: Builder, path: Path, table: dict[str, Any], limits: Limits) -> None:
    batch = builder.built.get((*path, "batch"))
    if not limits.are_fixed or not isinstance(batch, BatchSettings):
        return
    most: list[tuple[str, int, int, str]] = [
        ("max_events", batch.max_events, limits.max_events, str(limits.max_events)),
        ("max_bytes", batch.max_bytes, limits.max_bytes, toml(Size(limits.max_bytes))),
    ]
    for key, value, limit, written in most:
        if key in table["batch"] and value > limit:
            message = f"is more than {table['type']} takes in one request; write at most {written}"
            builder.report((*path, "batch", key), message)


def _completed(
    destination: DestinationSettings, settings: Settings, table: dict[str, Any], label: str, limits: Limits
) -> DestinationSettings:
    return msgspec.structs.replace(
        destination,
        settings=settings,
        source=settings.function.path if isinstance(settings, FunctionSettings) else None,
        integration=destination.integration or label,
        batch=_batch(destination.batch, table.get("batch", {}), limits),
        rate=destination.rate or (RateSettings(per_second=limits.per_second) if limits.per_second else None),
        in_flight=destination.in_flight if "in_flight" in table else limits.in_flight,
        timeout=destination.timeout if "timeout" in table else Duration(limits.timeout_s),
    )


def _batch(batch: BatchSettings, written: dict[str, Any], limits: Limits) -> BatchSettings:
    vendor = {
        "max_events": limits.max_events,
        "max_bytes": Size(limits.max_bytes),
        "max_wait": Duration(limits.max_wait_s),
    }
    return msgspec.structs.replace(batch, **{key: value for key, value in vendor.items() if key not in written})
