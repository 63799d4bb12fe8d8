"""What is allowed in a configuration, and hardly meant: warnings. A configuration that has some is used like any other.

Config -> each destination in use: its trigger, its actions' triggers and mappings beside what the type declares -> Warnings

Pure: what the files say has been read by now. What a trigger's doubts are is `routing`'s to know, what a mapping's are is `mapping`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ..catalogue import Catalogue
from ..mapping import Field, compile_mapping
from ..routing import doubts
from ..routing.doubts import never
from ..routing.syntax import FIELDS
from ..sdk.actions import ActionDestination, Use
from ..sdk.using import ActionSettings, acting, choose
from .kinds import nearest
from .positions import Path
from .settings import Config, DestinationSettings


class Warned(msgspec.Struct, frozen=True):
    """One thing that is hardly meant, and what would be better."""

    path: Path
    message: str


def lint(config: Config, catalogue: Catalogue) -> list[Warned]:
    """Of a configuration that is valid."""
    of_spec = config.engine.spec == "segment"
    return [
        warned
        for name, destination in config.destinations.items()
        if destination.enabled
        for warned in _Linter(("destinations", name), destination, catalogue, of_spec=of_spec).all()
    ]


class _Linter:
    """Of one destination."""

    def __init__(self, path: Path, destination: DestinationSettings, catalogue: Catalogue, *, of_spec: bool) -> None:
        self._path = path
        self._destination = destination
        self._kind = acting(catalogue.load(destination.type).destination, destination.actions)
        self._of_spec = of_spec

    def all(self) -> Iterator[Warned]:
        yield from self._trigger((*self._path, "trigger"), self._destination.trigger)
        yield from _templates(self._destination.settings, (*self._path, "settings"))
        if not issubclass(self._kind, ActionDestination):
            return
        uses = choose(self._kind, self._destination.settings, self._destination.actions).uses
        own = self._destination.trigger
        if own is not None and uses and all(self._never_both(own, use.trigger) for use in uses):
            there = "; ".join(f"{use.name}: {use.trigger}" for use in uses)
            yield Warned((*self._path, "trigger"), f"lets no event through that an action wants ({there})")
        for use in uses:
            yield from self._use(use, (*self._path, "actions", use.name), self._destination.actions.get(use.name))

    # Triggers --------------------------------------------------------------------------------------------------------

    def _trigger(self, path: Path, trigger: str | None) -> Iterator[Warned]:
        for doubt in doubts(trigger, of_spec=self._of_spec) if trigger is not None else ():
            yield Warned(path, doubt.message)

    def _never_both(self, one: str, other: str) -> bool:
        return one != "all" != other and never(f"( {one} ) and ( {other} )", of_spec=self._of_spec)

    # Actions ---------------------------------------------------------------------------------------------------------

    def _use(self, use: Use, path: Path, written: ActionSettings | None) -> Iterator[Warned]:
        if written is not None:
            yield from self._trigger((*path, "trigger"), written.trigger)
            yield from self._unreached(use, path)
            yield from self._mapping(use, path, written)
        if not any(key.startswith("@") for key in use.mapping):
            yield from _unmapped(use, path)

    def _unreached(self, use: Use, path: Path) -> Iterator[Warned]:
        own = self._destination.trigger
        if own is not None and self._never_both(own, use.trigger):
            yield Warned(
                (*path, "trigger"), f"never gets an event: the destination's own trigger ({own}) lets none through"
            )

    def _mapping(self, use: Use, path: Path, written: ActionSettings) -> Iterator[Warned]:
        own = _own(written)
        path = (*path, "mapping" if written.mapping_file is None else "mapping_file")
        compiled = compile_mapping(own)
        for warning in compiled.warnings:
            yield Warned(_below(path, warning.path), warning.message)
        for name, value in own.items():
            yield from self._reads((*path, name) if path[-1] == "mapping" else path, value)
            field = use.action.fields.get(name)
            if field is not None and not use.action.hashes and _goes_out_plain(field, value):
                message = (
                    f"is personal data, and {use.action.label} wants it hashed ({field.hashed}); "
                    f'write {{ "@hash" = {{ value = ..., normalise = "{field.personal}" }} }}'
                )
                yield Warned((*path, name) if path[-1] == "mapping" else path, message)

    def _reads(self, path: Path, value: Any) -> Iterator[Warned]:
        """Of events that follow the spec, nothing is outside its fields."""
        if not self._of_spec:
            return
        for field in sorted({keys[0] for keys in compile_mapping({"it": value}).paths if keys} - FIELDS):
            yield Warned(path, f"reads $.{field}, which no event of the spec has{nearest(field, FIELDS)}")


def _own(written: ActionSettings) -> dict[str, Any]:
    if isinstance(written.mapping, str):
        return msgspec.json.decode(written.mapping, type=dict[str, Any])
    return written.mapping or {}


def _below(path: Path, pointer: str) -> Path:
    """A place in a mapping, which in a file of its own has no line here."""
    return (*path, *pointer.strip("/").split("/")) if path[-1] == "mapping" and pointer else path


def _unmapped(use: Use, path: Path) -> Iterator[Warned]:
    for name, field in use.action.fields.items():
        if use.mapping.get(name) not in (None, ""):
            continue
        if field.required is True:
            yield Warned((*path, "mapping", name), f"is required and has no mapping: no event gets through {use.name}")
        elif name == use.action.idempotency:
            message = (
                f"has no mapping: {use.action.label} tells by it what was sent before, "
                "so an event that is tried again may count twice"
            )
            yield Warned((*path, "mapping", name), message)


def _goes_out_plain(field: Field, value: Any) -> bool:
    """Whether it is read from the event as it is. (A text that is written in the configuration is whoever wrote it's to hash.)"""
    return field.personal is not None and field.hashed is not None and isinstance(value, dict) and not _has_hash(value)


def _has_hash(value: Any) -> bool:
    if isinstance(value, dict):
        return "@hash" in value or any(map(_has_hash, value.values()))
    return isinstance(value, list) and any(map(_has_hash, value))


# Settings ------------------------------------------------------------------------------------------------------------


def _templates(value: object, path: Path) -> Iterator[Warned]:
    """A URL of the settings is the same for all events; braces in it would go out as they are."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _templates(getattr(value, name), (*path, name))
    elif isinstance(value, str) and "://" in value and "{{" in value:
        yield Warned(path, "is no template: {{ }} in a URL of the settings goes out as it stands, for every event")
