"""`host:port` as people write it."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^:\[\]\s/]*)):(?P<port>\d{1,5})")


def parse_address(text: str) -> tuple[str | None, int]:
    """Host (None: every address of this machine) and port of `text`. Raises ValueError with what would be right."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f'{text!r} is not an address; write one like "127.0.0.1:7070", "[::1]:7070" or ":7070"')
    return match["six"] or match["host"] or None, int(match["port"])


def format_address(host: str, port: int) -> str:
    """The same, the other way round."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
