"""Text that can be kept. What Python takes for a string need not be one: half an emoji is none, and no file and no request can hold it."""

from __future__ import annotations


def storable(text: str) -> str:
    """`text` with a question mark for each half of a surrogate pair, such as `json.loads` makes of an emoji that was cut in two."""
    return text if text.isascii() else text.encode(errors="replace").decode()
