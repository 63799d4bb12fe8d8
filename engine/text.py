"""Text that can be kept. What Python takes for a string need not be one: half an emoji is none, and no file and no request can hold it.
And places in a text, as people count them.
"""

from __future__ import annotations

import re

_BYTE = re.compile(r" \(byte (\d+)\)$")


def storable(text: str) -> str:
    """`text` with a question mark for each half of a surrogate pair, such as `json.loads` makes of an emoji that was cut in two."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def placed(error: Exception, text: str) -> str:
    """What the decoder of JSON says of `text`, with the line and column, from 1, where it says which byte."""
    message = str(error)
    byte = _BYTE.search(message)
    if byte is None:
        return message
    before = text.encode(errors="replace")[: int(byte[1])].decode(errors="replace")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return f"{message[: byte.start()]} (line {line}, column {column})"
