"""What an author of a function declares: the settings that its users fill in.

    class Settings:
        webhook_url: str = setting("Incoming webhook", required=True, secret=True)
        only_plans: list[str] = setting("Plans to notify", default=["enterprise"])

The annotation is the type: `str`, `bool`, `int`, `float`, `list[str]` (an array) or `dict[str, str]` (a text map). Handlers get an object
with these attributes and plain values; everywhere else a secret stays masked.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of a function, as its author declares it."""

    label: str
    default: Any = None
    required: bool = False
    secret: bool = False
    description: str = ""


def setting(
    label: str, *, default: Any = None, required: bool = False, secret: bool = False, description: str = ""
) -> Any:
    """Declares a setting, as the default of an annotated attribute of a function's `class Settings`.

    Without a default it is empty (`""`, `false`, `0`, `[]`, `{}`) where the user says nothing; `required` ones must be set, and not be
    empty. A `secret` one is shown nowhere.
    """
    return Setting(label=label, default=default, required=required, secret=secret, description=description)
