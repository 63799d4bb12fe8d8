"""Events that their receiver can check: each is a function of (seed, id), and has its id in it twice.

Sizes vary from 300 to 2 100 bytes, 830 on average; there are letters beyond ASCII, escapes, blanks and numbers that a careless
program would write differently. Making or checking one costs about 0.5 us: only the ids are filled in, into one of
`VARIANTS` texts.
"""

from __future__ import annotations

import functools
import json
import random
import re
from typing import NamedTuple

import msgspec

VARIANTS = 1024
_LETTERS = "abcdefghijklmnopqrstuvwxyz     äöüßéñçøłžшщю日本語한국어🚀🛒"
_ODD = '"a": 1.10, "b" :-0.0,"c":1E5,"d":12345678901234567890,"e":"\\u00e9\\/\\u2028","f":[ ],"g":{ }'
_FRAMES = {(b"[", b"]"): (1, b","), (b"", b"\n"): (1, b"\n"), (b"", b"}"): (0, b"\n")}
"""How a body begins and ends; how long its end is, and what is between its events: an array, lines, a single event."""
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


class Seen(NamedTuple):
    """What is in a body: the ids of sound events, and how many are not what they must be, or are nobody's."""

    ids: list[int]
    altered: int = 0
    invented: int = 0


class Facts:
    """All events of one seed (below 2**32)."""

    def __init__(self, seed: int) -> None:
        self._head = b'{"messageId":"%08x-' % seed
        self._parts = _variants(seed)
        self._id = re.compile(re.escape(self._head) + rb'([0-9]{12})"')

    def event(self, i: int) -> bytes:
        """Event `i` (from 0), without a line end."""
        middle, tail = self._parts[i % VARIANTS]
        digits = b"%012d" % i
        return self._head + digits + middle + digits + tail

    def lines(self, ids: list[int] | range) -> bytes:
        """These events, each with its line end."""
        return b"".join([self.event(i) + b"\n" for i in ids])

    def read(self, body: bytes) -> Seen:
        """Checks a body: a JSON array of events, lines, or one event."""
        opening, *pieces = body.split(self._head)
        if not pieces or (opening, body[-1:]) not in _FRAMES:
            return self._read_one_by_one(body)
        length, end = _FRAMES[opening, body[-1:]]
        pieces[-1] = pieces[-1][: len(pieces[-1]) - length] + end
        ids = []
        for piece in pieces:
            digits = piece[:12]
            if not digits.isdigit():
                return self._read_one_by_one(body)
            middle, tail = self._parts[int(digits) % VARIANTS]
            if piece != b"".join((digits, middle, digits, tail, end)):
                return self._read_one_by_one(body)
            ids.append(int(digits))
        return Seen(ids)

    def _read_one_by_one(self, body: bytes) -> Seen:
        sound: list[int] = []
        altered = invented = 0
        for element in _elements(body):
            found = self._id.match(element)
            if found is None:
                invented += 1
            elif element == self.event(int(found[1])):
                sound.append(int(found[1]))
            else:
                altered += 1
        return Seen(sound, altered, invented)


def _elements(body: bytes) -> list[bytes]:
    """The events of a body; one that is no JSON is a single strange event."""
    try:
        return [bytes(raw) for raw in _ELEMENTS.decode(body)] if body[:1] == b"[" else body.splitlines()
    except msgspec.DecodeError:
        return [body]


@functools.cache
def _variants(seed: int) -> list[tuple[bytes, bytes]]:
    draw = random.Random(seed)
    return [_variant(draw) for _ in range(VARIANTS)]


def _variant(draw: random.Random) -> tuple[bytes, bytes]:
    text = "".join(draw.choices(_LETTERS, k=draw.randrange(40, 540)))
    said = json.dumps(text, ensure_ascii=draw.random() < 0.2)
    user = draw.randrange(10**5)
    middle = f'","type":"track","event":"Order Completed","userId":"u-{user}","properties":{{"n":"'
    tail = f'",{_ODD},"text":{said}}},"context":{{"library":{{"name":"bench","version":"1"}}}}}}'
    return middle.encode(), tail.encode()
