"""Compressed bodies of several members, as `gzip >> file`, `cat a.gz b.gz` and pigz make them."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Mapping
from typing import Any

import pytest
from doorstep.engine.ingress.http.answers import Refused
from doorstep.engine.ingress.http.body import Bodies

pytestmark = pytest.mark.anyio


async def inflated(body: bytes, max_bytes: int = 500_000) -> bytes:
    async def receive() -> Mapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    with Bodies(max_bytes, timeout_s=30.0).room() as room:
        return await room.read({b"content-encoding": b"gzip"}, receive)


async def test_all_members_are_read_whatever_their_sizes() -> None:
    noise = random.Random(7).randbytes(100_000)
    parts = [noise[:1], b"", noise[1:4073], noise[4073:4096], noise[4096:20_000], noise[20_000:]]
    assert await inflated(b"".join(map(gzip.compress, parts))) == noise


async def test_the_limit_holds_for_all_of_them_together() -> None:
    members = gzip.compress(b"x" * 250) * 4
    assert await inflated(members, max_bytes=1000) == b"x" * 1000
    with pytest.raises(Refused) as caught:
        await inflated(members + gzip.compress(b"x"), max_bytes=1000)
    assert caught.value.code == "body_too_large"


async def test_twice_as_many_take_twice_as_long_not_four_times() -> None:
    """100 000 took ten seconds when what was left of the body was copied for each."""
    body = gzip.compress(b"") * 100_000 + gzip.compress(b"end")
    started = time.process_time()
    assert await inflated(body, max_bytes=4_000_000) == b"end"
    assert time.process_time() - started < 2
