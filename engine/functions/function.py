"""A user's file, loaded: its handlers, and the Struct that its settings are decoded into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from ..secret import Secret
from ..settings import Settings

HANDLERS = {
    "identify": "on_identify",
    "track": "on_track",
    "page": "on_page",
    "screen": "on_screen",
    "group": "on_group",
    "alias": "on_alias",
    "delete": "on_delete",
}
"""By type of event."""
ON_BATCH = "on_batch"


class Handler(msgspec.Struct, frozen=True):
    """One function of the file."""

    name: str
    call: Callable[[Any, Any, Any], Any]
    line: int


class Function(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """The content of one file, executed once. Loaded again it is another one, also if nothing changed but `digest` tells that."""

    path: str
    """As messages name it, and as the code objects of the file carry it."""
    digest: str
    """Of the file's bytes: part of the version of every plan that uses it."""
    handlers: dict[str, Handler]
    """By type of event."""
    on_batch: Handler | None
    module: Any
    """What its code runs in: alive as long as the function is."""


class FunctionSettings(Settings, frozen=True, kw_only=True):
    """The base of what `settings = { ... }` of a function becomes. Its own fields are made from the file's `class Settings`."""

    function: ClassVar[Function]


class Values:
    """Settings as handlers get them: plain values as attributes. Shown, secrets stay masked."""

    def __init__(self, settings: FunctionSettings) -> None:
        self.__dict__.update({name: _plain(getattr(settings, name)) for name in settings.__struct_fields__})
        self.__dict__["_shown"] = repr(settings)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("settings cannot be changed by a handler: all calls share them")

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"there is no setting {name!r}; declare it in `class Settings`")

    def __repr__(self) -> str:
        return str(self.__dict__["_shown"])


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
