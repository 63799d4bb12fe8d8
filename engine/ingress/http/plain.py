"""Plain events: NDJSON, or a JSON array, each event byte for byte as it came. Pure.

Only a line end inside an event has to go, since events are kept one a line; then the white space around it goes too.
"""

from __future__ import annotations

import msgspec

from ...model.lines import Lines
from ..splitter import LineSplitter
from .normalise import BadBody, compacted
from .sifting import put_back, set_aside

MAX_LINES = 10_000
"""In one body: so many that are no events are refused in 30 ms, and nobody else waits longer."""

_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BOM = b"\xef\xbb\xbf"


def lines_of_plain(body: bytes, max_event_bytes: int) -> Lines:
    """An array if it begins like one, one event if it is a single object over several lines, else NDJSON. Raises BadBody."""
    read = _lines_of(body, max_event_bytes)
    if len(read.lines) + len(read.too_large) > MAX_LINES:
        raise BadBody("too_many_events", f"a body has at most {MAX_LINES} events")
    return read


def _lines_of(body: bytes, max_event_bytes: int) -> Lines:
    text = body.removeprefix(_BOM).strip()
    if text[:1] == b"[":
        return _array(text, max_event_bytes)
    if text[:1] == b"{" and b"\n" in text and _is_one(text):
        return _limited([_on_one_line(text)], max_event_bytes)
    splitter = LineSplitter(max_event_bytes)
    found = [read for read in (splitter.feed(body), splitter.finish()) if read is not None]
    if len(found) == 2:
        return _joined(*found)
    return found[0] if found else Lines([], range(0))


def _array(text: bytes, max_event_bytes: int) -> Lines:
    unsound: list[bytes] = []
    try:
        events = _decode_array(text)
    except _UNREADABLE:
        events, unsound = _sifted(text)
    lines = [_on_one_line(bytes(event)) for event in events]
    return _limited(put_back(lines, unsound) if unsound else lines, max_event_bytes)


def _sifted(text: bytes) -> tuple[list[msgspec.Raw], list[bytes]]:
    """Raises BadBody."""
    sound, unsound = set_aside(text, level=1)
    try:
        return _decode_array(sound), unsound
    except RecursionError:
        raise BadBody("too_deep", "the body is nested too deeply") from None
    except _UNREADABLE:
        raise BadBody("not_json", "the body begins like a JSON array, and is none") from None


def _limited(lines: list[bytes], max_event_bytes: int) -> Lines:
    count = len(lines)
    if max(map(len, lines), default=0) <= max_event_bytes:
        return Lines(lines, range(1, count + 1), last=count)
    numbered = list(enumerate(lines, 1))
    kept = [(number, line) for number, line in numbered if len(line) <= max_event_bytes]
    too_large = [number for number, line in numbered if len(line) > max_event_bytes]
    return Lines([line for _, line in kept], [number for number, _ in kept], too_large, count)


def _joined(first: Lines, second: Lines) -> Lines:
    numbers = [*first.numbers, *second.numbers]
    return Lines(first.lines + second.lines, numbers, [*first.too_large, *second.too_large], second.last)


def _on_one_line(event: bytes) -> bytes:
    return compacted(event) if b"\n" in event or b"\r" in event else event


def _is_one(text: bytes) -> bool:
    """Whether all of it is one JSON value; two lines of NDJSON are not, and the parser sees that at the second."""
    try:
        _decode_raw(text)
    except _UNREADABLE:
        return False
    return True
