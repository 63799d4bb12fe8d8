"""Events that are no JSON, out of a list of others that are. Pure, and only for a body that was refused as a whole.

    body -> where each list or object of a level begins and ends -> the unsound ones set aside -> sound body -> (decoded) -> put back

Half an emoji, which JavaScript writes as `\\ud83d`, or an event that nests too deep must not cost its neighbours, and the parser stops
at it even where it only skips. What is put back is as it came, for the decoder to refuse with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

T = TypeVar("T")

MAX_BRACKETS = 25_000
"""Opening ones, in a body that is sifted: so many take 30 ms, and nobody else waits longer. An ordinary body has half as many at most."""
MAX_UNSOUND = 2500
"""Set aside, of one body: each costs as much as ten sound ones. With more, the body stays what it was."""
_ASIDE = b'"\xff set aside"'
"""No event, and not UTF-8, so in no body but a bad one; such a body is not sifted."""
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z))*+(?:([\[\]{}])|\Z)', re.DOTALL)
"""It matches wherever it is tried, so all of a body is gone through once."""


def set_aside(body: bytes, level: int) -> tuple[bytes, list[bytes]]:
    """The body without what is unsound among its lists and objects `level` levels down, and what that was.

    A body for which that cannot be said, or not in time, is returned as it is.
    """
    sound: list[bytes] = []
    unsound: list[bytes] = []
    at = 0
    for start, end in _spans(body, level):
        if len(unsound) == MAX_UNSOUND:
            break
        if not _is_sound(body[start:end]):
            sound += body[at:start], _ASIDE
            unsound.append(body[start:end])
            at = end
    return b"".join([*sound, body[at:]]), unsound


def put_back(events: Sequence[T | bytes], unsound: list[bytes]) -> list[T | bytes]:
    """Each in its place. Raises ValueError if some were not set aside from here, but from elsewhere in the body."""
    if sum(event == _ASIDE for event in events) != len(unsound):
        raise ValueError("what was set aside was no event")
    rest = iter(unsound)
    return [next(rest) if event == _ASIDE else event for event in events]


def _spans(body: bytes, level: int) -> Iterator[tuple[int, int]]:
    if _ASIDE in body or body.count(b"[") + body.count(b"{") > MAX_BRACKETS:
        return
    depth = start = 0
    for found in _TO_BRACKET.finditer(body):
        if found[1] in (b"[", b"{"):
            if depth == level:
                start = found.start(1)
            depth += 1
        elif found[1]:
            depth -= 1
            if depth == level:
                yield start, found.end()


def _is_sound(item: bytes) -> bool:
    try:
        msgspec.json.format(item, indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
