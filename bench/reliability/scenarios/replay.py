"""Dead letters of five reasons are sent again: by reason and FQL exactly those, then the rest under kills; and events of the journal."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import msgspec

from bench.harness import environment
from bench.http1 import Request
from bench.machine import ROOT
from bench.paths import Answer
from bench.scenario import Goal

from ..arrivals import unpacked
from ..facts import Facts
from ..oracle import figures as figures_of
from ..process import START_S, Ended, Failed
from ..receiver import FaultyConnection, Paths
from ..record import PROMISES, Figures, Scenario
from ..remote import Receiver
from ..repeats import SECOND_NS
from ..settings import Engine, Hook
from ..stage import Stage
from .common import EXIT_0, FRESH

STATUSES = (400, 409, 413, 415, 422)
"""All of them the event's fault."""
REST = 7
"""The event of each `every` that is refused."""
CHOSEN = ("http_422", "1")
"""The reason, and what must be among the digits, of the letters that are sent again first."""
PICKED = "3"
"""What must be among the digits of the events that are sent again from the journal."""
NONE_OF = (
    *("dry_run_off", "chosen_wrong", "others_touched", "left_wrong"),
    *("kills_too_late", "rest_announced_off", "rest_missing", "rest_strange", "letters_left"),
    *("from_journal_wrong", "others_replayed", "wrong_keys", "sums_wrong", "dead_lettered_again"),
)
_KEY = re.compile(rb"\r\nwebhook-id: *([^\r]*)\r\n", re.IGNORECASE)
_HEAD_BYTES = 4096
_BECAME = ("delivered", "dead_lettered", "parked", "pending", "dropped", "expired")


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One event in `every` is refused. `rate` is that of the replay that is killed, slow enough to outlive the kills."""

    events: int
    every: int
    kills: int
    rate: int
    least_s: float = 0.05
    most_s: float = 1.5
    """How long after the engine listens it is killed."""
    seed: int = 13


# The receiver --------------------------------------------------------------------------------------------------------


class Refusing(Paths):
    """A receiver whose `letters`, one event a request, refuses some until it is mended, and remembers each event's keys.

    It is a thread of the harness: what it does is known to no `Behaviour`, and one event a request is slow anyway.
    """

    def __init__(self, seed: int, every: int) -> None:
        super().__init__(seed)
        self._letters, self._every = Facts(seed), every
        self.is_mended = False
        self.refused: set[int] = set()
        self.keys: defaultdict[int, set[str]] = defaultdict(set)

    def status_of(self, i: int) -> int:
        """What event `i` is answered with until it is mended."""
        return STATUSES[i // self._every % len(STATUSES)] if i % self._every == REST else 200

    def handle(self, request: Request) -> tuple[Answer, bytes]:
        if request.target == "/letters":
            for i in self._letters.read(request.body).ids:
                self.keys[i].add(_key(request))
                if not self.is_mended and self.status_of(i) != 200:
                    self.refused.add(i)
                    return Answer(self.status_of(i)), b"{}"
        return super().handle(request)


def _key(request: Request) -> str:
    found = _KEY.findall(request.buffer[max(0, request.start - _HEAD_BYTES) : request.start])
    return bytes(found[-1]).decode("latin-1") if found else ""


class _Connection(FaultyConnection):
    """One that is ended with the receiver."""

    def __init__(self, paths: Paths, open_: set[asyncio.Transport]) -> None:
        super().__init__(paths)
        self._open = open_

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._open.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._open.discard(self._transport)


@contextmanager
def listening(paths: Paths) -> Iterator[Receiver]:
    """Serves `paths` from a thread, for as long as the block lasts."""
    loop, connections = asyncio.new_event_loop(), set[asyncio.Transport]()
    server = loop.run_until_complete(
        loop.create_server(lambda: _Connection(paths, connections), "127.0.0.1", 0, backlog=1024)
    )
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield Receiver(server.sockets[0].getsockname()[1], os.getpid())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for connection in connections:
            connection.abort()
        loop.run_until_complete(asyncio.sleep(0))  # in which they hear of it
        loop.close()


# Commands ------------------------------------------------------------------------------------------------------------


def doorstep(play: Stage, *arguments: str) -> str:
    """What a command prints. Raises Failed unless it ends with 0."""
    command = [sys.executable, "-m", "doorstep.engine.cli", *arguments, "-c", str(play.doorstep.config)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Failed(
            f"doorstep {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}\n{play.doorstep.said}"
        )
    return done.stdout


def letters(play: Stage) -> dict[int, str]:
    """The reason of each dead letter, by event."""
    rows = map(json.loads, doorstep(play, "dlq", "ls", "--each", "--format", "json").splitlines())
    return {int(row["message_id"].rpartition("-")[2]): row["reason"] for row in rows}


def count_in(told: str) -> int:
    """How many events a command speaks of."""
    found = re.search(r"(\d+) events?\b", told)
    return int(found[1]) if found else 0


def ids_with(digit: str, ids: Sequence[int]) -> list[int]:
    """The oracle of `where(digit)`."""
    return [i for i in ids if digit in f"{i:012d}"]


def where(digit: str) -> str:
    """A condition on the event, in FQL."""
    return f'contains(properties.n, "{digit}")'


# The play ------------------------------------------------------------------------------------------------------------


def play(form: Form) -> Figures:
    """Given up; some sent again; the others, under kills; and some of the journal, to one that has had them."""
    receiver = Refusing(form.seed, form.every)
    refused = range(REST, form.events, form.every)
    with staged(form, receiver) as play:
        play.doorstep.start()
        since = two_waves(play, form.events)
        given_up(play, receiver, refused)
        receiver.is_mended = True
        figures, left = chosen_again(play, receiver, refused)
        first = play.doorstep.stop()
        play.configure(hooks(in_flight=4))
        play.doorstep.start()
        figures |= rest_again(play, form, left)
        fresh_s = play.fresh()
        figures |= figures_of(play.accounts())
        figures |= from_journal(play, since, range(form.events // 2, play.ledger.next_id))
        last = play.doorstep.stop()
    keys = [receiver.keys[i] != {f"{form.seed:08x}-{i:012d}"} for i in range(form.events)]
    return {
        "letters": len(refused),
        **figures,
        "wrong_keys": sum(keys),
        "sums_wrong": sums_wrong(first) + sums_wrong(last),
        "rejected": first.rejected + last.rejected,
        "dead_lettered_again": last.total("dead_lettered"),
        "fresh_s": fresh_s,
        "exit_code": max(first.code, last.code),
    }


@contextmanager
def staged(form: Form, paths: Refusing) -> Iterator[Stage]:
    """A stage with this receiver, nothing started but that."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory(prefix="reliability-")))
        ears = opened.enter_context(listening(paths))
        play = Stage(form.seed, folder, ears, Engine(), hooks(in_flight=1))
        opened.callback(play.close)
        yield play


def hooks(in_flight: int) -> list[Hook]:
    """One request at a time shows the order; several are what a kill interrupts."""
    lines = Hook(name="lines", form="ndjson", in_flight=1)
    return [Hook(name="letters", form="single", in_flight=in_flight), Hook(name="plain"), lines]


def two_waves(play: Stage, events: int) -> str:
    """All events; the time between the first half and the second, as people write it."""
    half = events // 2
    play.exhausted(play.produce(ids=iter(range(half))))
    play.settle()
    between = datetime.fromtimestamp(time.time(), UTC).isoformat()
    play.exhausted(play.produce(ids=iter(range(half, events))))
    play.settle()
    return between


def given_up(play: Stage, receiver: Refusing, refused: range) -> None:
    """Waits until all is delivered or a dead letter, for the reasons that were given."""
    play.drained(["letters"], without=len(refused))
    play.drained(["plain", "lines"])
    wanted = {i: f"http_{receiver.status_of(i)}" for i in refused}
    play.until(lambda: letters(play) == wanted, 10.0, f"{len(wanted)} dead letters of {len(STATUSES)} reasons")


def chosen_again(play: Stage, receiver: Refusing, refused: range) -> tuple[Figures, list[int]]:
    """Those of one reason that match, to the mended receiver; and the ids that are dead letters still."""
    reason, digit = CHOSEN
    wanted = [i for i in ids_with(digit, refused) if f"http_{receiver.status_of(i)}" == reason]
    left = sorted({*refused} - {*wanted})
    query = ("--destination", "letters", "--reason", reason, "--where", where(digit))
    before = events_at(play)
    announced = count_in(doorstep(play, "dlq", "replay", *query, "--dry-run"))
    moved_by_dry_run = len(letters(play)) != len(refused) or events_at(play) != before
    began = time.monotonic()
    doorstep(play, "dlq", "replay", *query)
    arrived = arrived_since(play, "letters", before[0], len(wanted))
    took_s = time.monotonic() - began
    return {
        "chosen": len(wanted),
        "chosen_s": took_s,
        "dry_run_off": abs(announced - len(wanted)) + moved_by_dry_run,
        "chosen_wrong": int(arrived != wanted),
        "others_touched": int(events_at(play)[1:] != before[1:]),
        "left_wrong": len({*letters(play)} ^ {*left}),
    }, left


def rest_again(play: Stage, form: Form, left: Sequence[int]) -> Figures:
    """All others, at a rate, while the engine is killed again and again."""
    draw = random.Random(form.seed)
    listens(play)
    before = events_at(play)[0]
    announced = count_in(doorstep(play, "dlq", "replay", "--destination", "letters", "--rate", f"{form.rate}/s"))
    began_ns, too_late = time.monotonic_ns(), 0
    for _ in range(form.kills):
        time.sleep(draw.uniform(form.least_s, form.most_s))
        too_late += play.receiver.counts("letters")[0].unique >= play.ledger.acked_count
        play.kill()
        listens(play)
    play.drained(["letters"])
    took_s = (play.receiver.counts("letters")[0].last_ns - began_ns) / SECOND_NS
    again = arrived_since(play, "letters", before, len(left))
    return {
        "kills": form.kills,
        "rest_s": took_s,
        "rest_slowness": took_s * form.rate / len(left),
        "kills_too_late": too_late,
        "rest_announced_off": abs(announced - len(left)),
        "rest_missing": len({*left} - {*again}),
        "rest_strange": len({*again} - {*left}),
        "letters_left": len(letters(play)),
    }


def from_journal(play: Stage, since: str, ids: range) -> Figures:
    """Events of the second wave, to a destination that has had them, in order and once."""
    wanted = ids_with(PICKED, ids)
    before = events_at(play)
    query = ("replay", "lines", "--since", since, "--where", where(PICKED))
    at_most = count_in(doorstep(play, *query, "--dry-run"))
    doorstep(play, *query)
    arrived = arrived_since(play, "lines", before[2], len(wanted))
    return {
        "from_journal": len(wanted),
        "from_journal_wrong": int(arrived != wanted or at_most < len(wanted)),
        "others_replayed": int(events_at(play)[:2] != before[:2]),
    }


def listens(play: Stage) -> None:
    """Waits until the engine takes events."""
    play.until(lambda: play.doorstep.address() is not None, START_S, "the engine to listen")


def events_at(play: Stage) -> list[int]:
    """How many events arrived at each destination, repeats too."""
    return [counts.events for counts in play.receiver.counts(*play.hooks)]


def arrived_since(play: Stage, name: str, before: int, count: int) -> list[int]:
    """The ids that arrived after the first `before` events: waits for `count`, and a little longer."""
    play.until(lambda: play.receiver.counts(name)[0].events >= before + count, 30.0, f"{count} events at {name} again")
    letters(play)  # a command's time: what should not come has had its chance
    return unpacked("I", play.receiver.arrived(name).ids)[before:].tolist()


def sums_wrong(ended: Ended) -> int:
    """Destinations of a summary whose numbers do not add up."""
    return sum(not _adds_up(one) for one in ended.summary["destinations"].values())


def _adds_up(one: dict[str, Any]) -> bool:
    came = one["pending_before"] + one["offered"] + one["replayed"]
    return bool(came == sum(one[name] for name in _BECAME) + sum(one["filtered"].values()))


REPLAY = Scenario(
    name="replay",
    title="dead letters of five reasons, sent again by reason and FQL, and under kills",
    play=play,
    full=Form(events=20_000, every=20, kills=10, rate=30),
    short=Form(events=3000, every=30, kills=3, rate=20, most_s=0.4),
    goals=(
        *PROMISES,
        *(Goal(metric, "<=", 0) for metric in NONE_OF),
        Goal("rest_slowness", "<=", 2.0),
        EXIT_0,
        FRESH,
    ),
)
