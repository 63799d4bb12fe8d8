"""A configuration as people may see it, and the secrets that it has: those that are said to be, and those that URLs carry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from ..config.settings import Config
from ..secret import secrets_in
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


def secrets_of(config: Config) -> list[str]:
    """Every secret that an answer might have by mistake, each once."""
    in_urls = (secret for url in _urls(msgspec.to_builtins(config, enc_hook=encode_hook)) for secret in _of_url(url))
    return list(dict.fromkeys([*secrets_in(config), *in_urls]))


def _urls(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _urls(part)
    elif isinstance(value, str) and _URL.match(value):
        yield value


def _of_url(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        for part in (parts.username, parts.password):
            if part:
                yield unquote(part)
        yield from (value for _, value in parse_qsl(parts.query))
    except ValueError:
        return
