"""What differs between two configurations, as data: a reload computes this first and then reconciles. Pure.

old, new -> changes -> {added, removed, changed: paths, unchanged} destinations, and what needs a restart
DestinationSettings -> version -> the name of the plan by which its batches are formed
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from ..errors import Problem
from ..functions.function import FunctionSettings
from ..functions.settings import InsertSettings, inserts_before
from ..secret import Secret
from ..settings import Settings, encode_hook
from .document import dotted
from .positions import Path
from .settings import Config, DestinationSettings

_FORMING = (
    "type",
    "integration",
    "enabled",
    "sources",
    "consent",
    "trigger",
    "sample",
    "fields",
    "settings",
    "actions",
    "batch",
)
"""Who gets an event and what is sent: a batch that was formed under others is formed anew. The rest (rate, retry, tls ...) is read
at each attempt, and leaves a batch as it is."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """From one configuration to the next. Names of destinations are in the order of the configuration they are from."""

    added: list[str] = []
    removed: list[str] = []
    changed: dict[str, list[str]] = {}
    """For each destination that goes on differently: the settings that differ, as `destinations.hook.rate.per_second`; those of
    `[network]` are each destination's."""
    unchanged: list[str] = []
    needs_restart: list[Problem] = []
    """What differs and stays as it was until the process is started again."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.needs_restart)


def changes(old: Config, new: Config) -> Changes:
    """What a reload from `old` to `new` has to do. Never shows a value, so secrets are safe in it."""
    before, after = old.destinations, new.destinations
    both = [name for name in after if name in before]
    everywhere = _differences(old.network, new.network, ("network",))
    differing = {
        name: _differences(before[name], after[name], ("destinations", name))
        + _inserts_differ(old, new, name)
        + everywhere
        for name in both
    }
    return Changes(
        added=[name for name in after if name not in before],
        removed=[name for name in before if name not in after],
        changed={name: [dotted(path) for path in paths] for name, paths in differing.items() if paths},
        unchanged=[name for name, paths in differing.items() if not paths],
        needs_restart=[
            Problem(dotted(path), "needs a restart; until then the old value holds")
            for key in ("engine", "ingress", "admin")
            for path in _differences(getattr(old, key), getattr(new, key), (key,))
        ],
    )


def _inserts_differ(old: Config, new: Config, destination: str) -> list[Path]:
    """The paths at which the functions before a destination differ: one that comes, goes or changes is a change of that destination."""
    before, after = (inserts_before(config.functions, destination) for config in (old, new))
    return _differences(before, after, ("functions",)) if before != after else []


def version(destination: DestinationSettings, inserts: Mapping[str, InsertSettings] = MappingProxyType({})) -> str:
    """The content hash of how events are chosen and batches formed: equal settings, equal version, in every process.

    `inserts` are the functions before it (`inserts_before`). Hexadecimal, 128 bits. Secrets are in it as digests only.
    """
    forming = {name: getattr(destination, name) for name in _FORMING}
    forming["settings"] = [type(destination.settings).__name__, destination.settings]
    code = [_code(destination.settings), *(insert_version(insert) for insert in inserts.values())]
    if any(code):
        forming["code"] = code
    return _digest(forming)


def insert_version(insert: InsertSettings) -> str:
    """The content hash of what an insert function does: its file, its settings, its time."""
    return _digest([_code(insert.settings), insert.settings, insert.timeout])


def _code(settings: Settings) -> str:
    return settings.function.digest if isinstance(settings, FunctionSettings) else ""


def _digest(forming: Any) -> str:
    content = msgspec.json.encode(forming, enc_hook=_hashable, order="sorted")
    return hashlib.sha256(content).hexdigest()[:32]


def _hashable(value: Any) -> Any:
    if isinstance(value, Secret):
        return hashlib.blake2b(value.reveal().encode(), key=b"doorstep plan").hexdigest()
    return encode_hook(value)


def _differences(old: Any, new: Any, path: Path) -> list[Path]:
    """The paths at which two values differ, as deep as both have the same shape."""
    if isinstance(old, FunctionSettings) and isinstance(new, FunctionSettings):
        return _function_differs(old, new, path)
    if type(old) is type(new) and isinstance(old, msgspec.Struct):
        return [
            where
            for name in old.__struct_fields__
            for where in _differences(getattr(old, name), getattr(new, name), (*path, name))
        ]
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        return [where for key in keys for where in _differences_at(old, new, key, (*path, key))]
    if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [where for index, (one, other) in pairs for where in _differences(one, other, (*path, index))]
    return [] if old == new else [path]


def _function_differs(old: FunctionSettings, new: FunctionSettings, path: Path) -> list[Path]:
    """Their Structs are never the same type, not even after loading the same file twice: the code is told by its digest."""
    code = [] if _code(old) == _code(new) else [(*path[:-1], "source")]
    before, after = ({name: getattr(one, name) for name in one.__struct_fields__} for one in (old, new))
    return code + _differences(before, after, path)


def _differences_at(old: dict[str, Any], new: dict[str, Any], key: str, path: Path) -> list[Path]:
    if key in old and key in new:
        return _differences(old[key], new[key], path)
    return [path]
