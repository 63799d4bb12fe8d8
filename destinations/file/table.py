"""Events as rows of CSV, quoted as RFC 4180 says: a header, then one row for each event, in order. Lines end as in all other files."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import msgspec
from doorstep.engine.sdk import Batch, decode_event

COLUMNS: Mapping[str, str] = {
    name: name
    for name in (
        *("messageId", "type", "event", "name", "userId", "anonymousId", "groupId", "previousId"),
        *("timestamp", "properties", "traits", "context"),
    )
}
"""What is there if the user names none: the fields of the spec; those that are objects, as JSON."""


def csv_bytes(batch: Batch, columns: Mapping[str, str]) -> bytes:
    """The file. Raises InvalidEventPayload for an event that cannot be decoded."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    paths = [path.split(".") for path in columns.values()]
    for envelope in batch.envelopes:
        event = decode_event(envelope)
        writer.writerow([_cell(_at(event, path)) for path in paths])
    return text.getvalue().encode()


def _at(value: Any, path: list[str]) -> Any:
    """What is there, `properties.products.0.sku` included; None if nothing is."""
    for key in path:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _cell(value: Any) -> str:
    """Text as it is, nothing as nothing, all else as JSON: `true`, `1.5`, `{"a":1}`."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
