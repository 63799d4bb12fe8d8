"""A mapping on its own: decode what it reads, map, encode; beside a loop that somebody would write by hand for the same fields.

In this process, on one core, the two in turn. The other scenarios see the engine from outside; what this one measures is a
part of what a destination with actions costs there.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from doorstep.engine.mapping import EventReader, compile_mapping

from . import results
from .events import Mix
from .harness import cores
from .machine import commit, this_machine
from .scenario import Goal

EVENTS = 20_000
GOALS = (Goal("of_by_hand", ">=", 0.7), Goal("mapped_per_s", ">=", 100_000))

MAPPING = {
    "event": {"@path": "$.event"},
    "user": {"@path": "$.userId"},
    "time": {"@path": "$.timestamp"},
    "value": {"@path": "$.properties.total"},
    "url": {"@path": "$.context.page.url"},
    "em": {"@hash": {"value": {"@path": "$.context.traits.email"}, "normalise": "email"}},
}

ToBytes = Callable[[bytes], bytes]


def lines(count: int = EVENTS) -> list[bytes]:
    """The bench's events, each with somebody's address in its context: 870 bytes on average."""
    mix = Mix()
    return [_with_address(mix.event(i), i) for i in range(count)]


def compiled() -> ToBytes:
    """What the engine does."""
    mapping = compile_mapping(MAPPING)
    read, encode = EventReader(mapping.paths).read, msgspec.json.Encoder().encode
    return lambda line: encode(mapping(read(line)))


def by_hand() -> ToBytes:
    """What one would write for these six fields and no others."""
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode

    def run(line: bytes) -> bytes:
        event = decode(line)
        mapped: dict[str, Any] = {}
        if "event" in event:
            mapped["event"] = event["event"]
        mapped["user"] = event["userId"]
        mapped["time"] = event["timestamp"]
        if "total" in event.get("properties", ()):
            mapped["value"] = event["properties"]["total"]
        context = event["context"]
        if "page" in context:
            mapped["url"] = context["page"]["url"]
        email = context["traits"]["email"].strip().lower()
        mapped["em"] = hashlib.sha256(email.encode()).hexdigest()
        return encode(mapped)

    return run


def measure(rounds: int, events: int = EVENTS) -> results.Record:
    """Some rounds. Raises AssertionError if the two do not give the same bytes for every event."""
    os.sched_setaffinity(0, {cores()[0]})
    fed, ours, theirs = lines(events), compiled(), by_hand()
    assert list(map(ours, fed)) == list(map(theirs, fed))
    figures = [_round(fed, ours, theirs) for _ in range(rounds)]
    median = results.medians(figures)
    return results.Record(
        scenario="mapping",
        title="six mapped fields, one of them hashed, from bytes to bytes, against the same by hand",
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit(),
        machine=this_machine(),
        rounds=figures,
        median=median,
        goals=results.judge(GOALS, median),
    )


def _round(fed: list[bytes], ours: ToBytes, theirs: ToBytes) -> dict[str, float]:
    our_s, their_s = _seconds(ours, fed), _seconds(theirs, fed)
    return {
        "mapped_per_s": len(fed) / our_s,
        "by_hand_per_s": len(fed) / their_s,
        "of_by_hand": their_s / our_s,
        "mapped_us": our_s / len(fed) * 1e6,
    }


def _seconds(run: ToBytes, fed: list[bytes]) -> float:
    began = time.perf_counter()
    for line in fed:
        run(line)
    return time.perf_counter() - began


def _with_address(line: bytes, i: int) -> bytes:
    return line.replace(b'"context":{', b'"context":{"traits":{"email":" User%d@Example.com"},' % i, 1)
