"""A configuration as people may see it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ..settings import encode_hook
from ..telemetry.masking import MASK, Mask

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def as_shown(settings: msgspec.Struct) -> dict[str, Any]:
    """All of it, as it would be written; secrets masked."""
    shown: dict[str, Any] = _shown(msgspec.to_builtins(settings, enc_hook=encode_hook, order="deterministic"))
    for token in shown.get("admin", {}).get("tokens", ()):
        token["hash"] = MASK
    return shown


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shown(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(part) for part in value]
    return Mask().url(value) if isinstance(value, str) and _URL.match(value) else value
