"""`python -m bench http`: how fast events come in over HTTP, durable on disk, with a webhook taking them on the way.

| part | what | goal |
|---|---|---|
| `batches` | requests of 500 events | 60 000 events/s |
| `singles` | requests of one | 5 000/s |
| `hostile` | singles beside 5 000 idle and 200 slow-loris connections, as a share of the same without them | 0.9 |
| `refusals` | oversize, gzip bombs and broken JSON: the slowest answer, and what the process has grown by | 100 ms, 16 MiB |

The engine is unpinned, on all processors, with client and receiver beside it. Every run checks itself: what was answered 200 is compared
with what became of it, to the event.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice, repeat
from pathlib import Path
from typing import Any

from .entrants import webhook
from .harness import Bench, Void, bench
from .posting import Posted, batches, post, request, singles
from .reliability.process import Doorstep, Ended

BATCH = 500
SINGLE_CONNECTIONS = 64
BATCH_CONNECTIONS = 8
IDLE, SLOW = 5000, 200
REFUSED = 200
GOALS = {"batches": 60_000, "singles": 5_000, "hostile": 0.9, "refusals": 100}

Figures = dict[str, float]


def declare(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(
        "http", help="events over HTTP, durable on disk: batches, single posts, hostile clients"
    )
    parser.add_argument("part", nargs="*", choices=[*GOALS, []], help="default: all")
    parser.add_argument("--events", type=int, default=200_000, help="in batches (200000)")
    parser.add_argument("--singles", type=int, default=30_000, help="requests of one event (30000)")
    parser.add_argument("--runs", type=int, default=3, help="rounds; the median counts (3)")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Prints a line of JSON a part; 1 if a goal was missed."""
    good = True
    with bench() as stand:
        for part in options.part or GOALS:
            rounds = [PARTS[part](stand, options) for _ in range(options.runs)]
            name = next(iter(rounds[0]))
            median = sorted(rounds, key=lambda one: one[name])[len(rounds) // 2]
            is_met = median[name] <= GOALS[part] if part == "refusals" else median[name] >= GOALS[part]
            good &= is_met
            print(json.dumps({"part": part, "goal": GOALS[part], "met": is_met, **median}), flush=True)
    return 0 if good else 1


def batched(stand: Bench, options: argparse.Namespace) -> Figures:
    """Batches as fast as they are taken."""
    requests = list(batches(options.events // BATCH, BATCH))
    with engine(stand) as doorstep:
        posted = post(*address(doorstep), iter(requests), BATCH_CONNECTIONS)
    return figures(doorstep, posted, BATCH)


def single(stand: Bench, options: argparse.Namespace) -> Figures:
    """One event a request."""
    requests = list(singles(options.singles))
    with engine(stand) as doorstep:
        posted = post(*address(doorstep), iter(requests), SINGLE_CONNECTIONS)
    return figures(doorstep, posted, 1)


def beside_hostile(stand: Bench, options: argparse.Namespace) -> Figures:
    """The same with and without clients that only hold connections, in one process and one minute."""
    requests = list(singles(options.singles // 2))
    rates: dict[bool, list[float]] = {}
    with engine(stand) as doorstep:
        post(*address(doorstep), islice(singles(2000, seed=3), 2000), SINGLE_CONNECTIONS)
        for is_hostile in (False, True, False):
            with hostile(doorstep) if is_hostile else nullcontext():
                posted = post(*address(doorstep), iter(requests), SINGLE_CONNECTIONS)
                rss_mib = doorstep.rss_mib()
            rates.setdefault(is_hostile, []).append(posted.per_s)
    alone = sum(rates[False]) / len(rates[False])
    return {"share": round(rates[True][0] / alone, 3), "alone_per_s": round(alone), "rss_mib": round(rss_mib, 1)}


def refusals(stand: Bench, options: argparse.Namespace) -> Figures:
    """Bodies that are not taken, again and again."""
    bomb = gzip.compress(b'{"batch":[' + b" " * 400_000_000, 9)
    bodies = [
        request("/v1/batch", b"[" * 450_000),
        request("/v1/batch", b'{"batch":[' + b'{"type":"track"},' * 28_000),
        request("/v1/batch", b" " * 3_000_000),
        request("/v1/batch", bomb, "content-encoding: gzip"),
        request("/events", b"x\n" * 200_000),
    ]
    with engine(stand) as doorstep:
        for body in bodies:
            post(*address(doorstep), iter([body]), 1)
        before = doorstep.rss_mib()
        slowest = max(
            post(*address(doorstep), repeat(body, REFUSED // len(bodies)), 1).latencies_ms[-1] for body in bodies
        )
        grown = doorstep.rss_mib() - before
    if grown > 16:
        raise Void(f"refusals: grown by {grown:.0f} MiB")
    return {"slowest_ms": round(slowest, 1), "grown_mib": round(grown, 1)}


PARTS = {"batches": batched, "singles": single, "hostile": beside_hostile, "refusals": refusals}


class Served(Doorstep):
    """An engine, and how it ended, once the block that it served has."""

    ended: Ended


@contextmanager
def engine(stand: Bench) -> Iterator[Served]:
    """One that listens, on a journal that is not there yet; `ended` when the block is left."""
    with tempfile.TemporaryDirectory(prefix="journal-") as folder:
        doorstep = Served(configured(Path(folder), stand.sink))
        doorstep.start()
        try:
            while doorstep.address("http") is None:
                time.sleep(0.05)
            yield doorstep
            doorstep.ended = doorstep.stop()
        finally:
            if doorstep.alive:
                doorstep.close()


@contextmanager
def hostile(doorstep: Doorstep) -> Iterator[None]:
    """While the block runs."""
    host, port = address(doorstep)
    command = [sys.executable, "-m", "bench.hostile", host, str(port), str(IDLE), str(SLOW)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdout.readline()
            yield
            process.stdin.close()
            process.wait(20)
        finally:
            process.kill()


def address(doorstep: Doorstep) -> tuple[str, int]:
    """Where it listens."""
    found = doorstep.address("http")
    assert isinstance(found, tuple)
    return found


def figures(doorstep: Served, posted: Posted, events: int) -> Figures:
    """Raises Void unless all that was accepted is accounted for."""
    ended = doorstep.ended
    accepted = posted.accepted * events - ended.rejected
    hook = ended.summary["destinations"]["hook"]
    if set(posted.statuses) != {200} or accepted != ended.summary["accepted"] or accepted != hook["offered"]:
        raise Void(f"answered {posted.statuses}, accepted {ended.summary}")
    return {
        "events_per_s": round(posted.per_s * events),
        "p50_ms": round(posted.latencies_ms[len(posted.latencies_ms) // 2], 1),
        "p99_ms": round(posted.latencies_ms[len(posted.latencies_ms) * 99 // 100], 1),
        "cpu_us_per_event": round(ended.cpu_s / accepted * 1e6, 2),
        "rss_mib": round(ended.rss_mib, 1),
    }


def configured(folder: Path, sink: str) -> Path:
    """The file of a run."""
    config = folder / "doorstep.toml"
    lines = ["[engine]", f"data_dir = {json.dumps(str(folder / 'data'))}", "[[ingress]]", 'type = "http"']
    lines += ['listen = "127.0.0.1:0"', 'keys = [{ key = "wk", name = "web" }]']
    config.write_text("\n".join([*lines, webhook("hook", "/ok?count=1").replace("{sink}", sink)]))
    return config
