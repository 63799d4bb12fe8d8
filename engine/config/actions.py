"""The actions of a destination as they are written: mapping files read, everything checked against what the type declares."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

import msgspec

from ..sdk.actions import ActionDestination
from ..sdk.destination import Destination
from ..sdk.using import ActionSettings, acting, choose
from .build import Builder
from .positions import Path
from .settings import DestinationSettings


def apply_actions(
    builder: Builder, path: Path, kind: type[Destination[Any]], settings: Any, destination: DestinationSettings
) -> DestinationSettings:
    """`destination` with its mapping files read; problems go to the builder."""
    path = (*path, "actions")
    kind = acting(kind, destination.actions)
    if not issubclass(kind, ActionDestination):
        for name in destination.actions:
            builder.report((*path, name), "this type of destination has no actions; leave this out")
        return destination
    read = {name: _with_file(builder, (*path, name), one) for name, one in destination.actions.items()}
    for wrong in choose(kind, settings, read).wrong:
        keys, message = wrong.key.split(".") if wrong.key else [], wrong.message
        one = read.get(wrong.action)
        if one is not None and one.mapping_file is not None and keys[:1] == ["mapping"]:
            if one.mapping is None:
                continue  # it could not be read, and what is missing in it is not known
            keys, message = ["mapping_file"], f"{one.mapping_file}: {message}"
        builder.report((*path, wrong.action, *keys), message)
    return msgspec.structs.replace(destination, actions=read)


def _with_file(builder: Builder, path: Path, one: ActionSettings) -> ActionSettings:
    """A mapping file is beside the file that names it. Its content is the mapping: a change of it is a change of the plan. Of one that
    cannot be read there is none."""
    if one.mapping_file is None:
        return one
    where = (*path, "mapping_file")
    if one.mapping is not None:
        builder.report(where, "`mapping` is there too; keep one of them")
        return msgspec.structs.replace(one, mapping_file=None)
    try:
        text = FilePath(builder.beside(where, one.mapping_file)).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        builder.report(where, f"the file {one.mapping_file} cannot be read: {reason}")
        return one
    return msgspec.structs.replace(one, mapping=text)
