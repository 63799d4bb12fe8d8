"""Realistic events of the Segment spec, without end, each one a function of (seed, i).

The same seed gives the same bytes on every machine, so a test that knows the seed knows what must arrive: `Mix(seed).event(i)`
makes event i anew without making the others. About 820 bytes on average; nearly half have letters beyond ASCII.

Drawing every field of every event would cost 25 us each; instead `VARIANTS` events are drawn once, and of each only the
timestamp, the user and the messageId are filled in anew. Those come in blocks of `BLOCK` events, from one hash.
"""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from . import wares

VARIANTS = 1024
BLOCK = 4000
"""Four seconds' worth: an event every millisecond."""

MIX = {"track": 70, "page": 12, "identify": 7, "screen": 5, "group": 3, "alias": 2, "delete": 1}
"""How many of a hundred events are of which type, about as a shop with a web site and an app sends them."""

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_MILLIS = [b".%03dZ" % milli for milli in range(1000)]
_CHOICES = struct.Struct(f"<{BLOCK}H")

Variant = tuple[bytes, bytes, bytes, bytes]
"""An event with three gaps: for the timestamp, the number of the user, the messageId."""


class Mix:
    """All events of one seed. Making one costs about 25 ms, an event then about 2 us."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        draw = random.Random(seed)
        kinds = draw.choices(list(MIX), weights=list(MIX.values()), k=VARIANTS - len(MIX))
        self._variants = [_variant(kind, draw) for kind in [*MIX, *kinds]]
        self._block = lru_cache(maxsize=4)(self._render)

    def event(self, i: int) -> bytes:
        """Event `i` (from 0), without a line end."""
        return self._block(i // BLOCK)[i % BLOCK][:-1]

    def lines(self, count: int) -> Iterator[bytes]:
        """The first `count` events, each with its line end, as blocks of many lines."""
        for number in range(count // BLOCK):
            yield b"".join(self._render(number))
        if count % BLOCK:
            yield b"".join(self._render(count // BLOCK)[: count % BLOCK])

    def _render(self, number: int) -> list[bytes]:
        digest = hashlib.shake_128(b"%d:%d" % (self.seed, number)).digest(18 * BLOCK)
        ids = digest[: 16 * BLOCK].hex().encode()
        choices = _CHOICES.unpack(digest[16 * BLOCK :])
        return [
            self._fill(self._variants[choice % VARIANTS], stamp, ids[at : at + 32])
            for choice, stamp, at in zip(choices, _stamps(number), range(0, 32 * BLOCK, 32), strict=True)
        ]

    @staticmethod
    def _fill(variant: Variant, stamp: bytes, hexa: bytes) -> bytes:
        head, middle, tail, end = variant
        uuid = b"%b-%b-4%b-8%b-%b" % (hexa[:8], hexa[8:12], hexa[13:16], hexa[17:20], hexa[20:])
        return b"%b%b%b%b%b%b%b" % (head, stamp, middle, hexa[:5], tail, uuid, end)


def _stamps(number: int) -> Iterator[bytes]:
    """The timestamps of block `number`: ISO 8601 to the millisecond."""
    for second in range(BLOCK // 1000):
        prefix = (_EPOCH + timedelta(seconds=number * BLOCK // 1000 + second)).strftime("%Y-%m-%dT%H:%M:%S").encode()
        yield from [prefix + milli for milli in _MILLIS]


def _variant(kind: str, draw: random.Random) -> Variant:
    ids = {"userId": "u-\0", "anonymousId": f"anon-{draw.randbytes(8).hex()}"}
    body = {"timestamp": "\0", "type": kind, **ids, **_KINDS[kind](draw), "messageId": "\0"}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    head, middle, tail, end = text.encode().split(b"\\u0000")
    return head, middle, tail, end + b"\n"


def _track(draw: random.Random) -> dict[str, Any]:
    name, properties = draw.choices(wares.TRACKS, weights=wares.TRACK_WEIGHTS)[0]
    integrations = draw.choice([{}, {}, {"All": True}, {"All": True, "GA4": False}])
    return {"event": name, "properties": properties(draw), "context": wares.context(draw), "integrations": integrations}


def _page(draw: random.Random) -> dict[str, Any]:
    page = wares.page(draw)
    return {"name": page["title"], "category": "Docs", "properties": page, "context": wares.context(draw)}


def _screen(draw: random.Random) -> dict[str, Any]:
    tab = draw.choice(["feed", "basket", "profile"])
    return {"name": tab.title(), "properties": {"tab": tab, "depth": draw.randrange(9)}, "context": wares.context(draw)}


def _identify(draw: random.Random) -> dict[str, Any]:
    return {"traits": wares.person(draw), "context": wares.context(draw)}


def _group(draw: random.Random) -> dict[str, Any]:
    return {"groupId": f"g-{draw.randrange(500)}", "traits": wares.company(draw), "context": wares.context(draw)}


def _alias(draw: random.Random) -> dict[str, Any]:
    return {"previousId": f"anon-{draw.randrange(10**9)}", "context": wares.context(draw)}


def _delete(draw: random.Random) -> dict[str, Any]:
    return {"context": wares.context(draw)}


_KINDS = {
    "track": _track,
    "page": _page,
    "screen": _screen,
    "identify": _identify,
    "group": _group,
    "alias": _alias,
    "delete": _delete,
}
