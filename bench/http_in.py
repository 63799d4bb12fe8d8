"""`python -m bench http`: how fast events come in over HTTP, durable on disk, with a webhook taking them on the way.

Batches of 500, then single posts; the engine unpinned, on all processors, the client and the receiver beside it. Goals: 60 000 and 5 000
events a second. What was answered 200 is compared with what the receiver got, to the event.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from .harness import Bench, Void, bench
from .posting import Posted, batches, post, singles
from .reliability.process import Doorstep
from .scenarios import webhook

BATCH = 500
GOALS = {"batches": 60_000, "singles": 5_000}
CONNECTIONS = {"batches": 8, "singles": 64}


def declare(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser("http", help="events over HTTP, durable on disk: batches and single posts")
    parser.add_argument("--batches", type=int, default=600, help=f"requests of {BATCH} events (600)")
    parser.add_argument("--singles", type=int, default=40_000, help="requests of one event (40000)")
    parser.add_argument("--runs", type=int, default=3, help="rounds; the median counts (3)")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Prints a line of JSON a part; 1 if a goal was missed."""
    good = True
    with bench() as stand:
        for part, count in (("batches", options.batches), ("singles", options.singles)):
            rounds = sorted(
                (measure(stand, part, count) for _ in range(options.runs)), key=lambda one: one["events_per_s"]
            )
            median = rounds[len(rounds) // 2]
            good &= median["events_per_s"] >= GOALS[part]
            print(json.dumps({"part": part, "goal": GOALS[part], **median}), flush=True)
    return 0 if good else 1


def measure(stand: Bench, part: str, count: int) -> dict[str, float]:
    """One run against a journal that is not there yet. Raises Void if what was accepted did not all arrive."""
    stand._ask("/reset", method="POST")
    requests = list(batches(count, BATCH) if part == "batches" else singles(count))
    with tempfile.TemporaryDirectory(prefix="journal-") as folder:
        doorstep = Doorstep(configured(Path(folder), stand.sink))
        doorstep.start()
        while (address := doorstep.address("http")) is None:
            time.sleep(0.05)
        host, port = address
        posted = post(host, port, iter(requests), CONNECTIONS[part])
        ended = doorstep.stop()
    events = BATCH if part == "batches" else 1
    rejected = ended.rejected
    accepted = posted.accepted * events - rejected
    left = ended.total("pending")
    arrived = (
        ended.total("delivered")
        + left
        + sum(sum(one["filtered"].values()) for one in ended.summary["destinations"].values())
    )
    if arrived != accepted or posted.accepted != count:
        raise Void(f"{part}: {posted.statuses}, accepted {accepted}, arrived {arrived}")
    return {
        "events_per_s": round(posted.per_s * events),
        "p50_ms": round(_quantile(posted, 0.5), 1),
        "p99_ms": round(_quantile(posted, 0.99), 1),
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


def _quantile(posted: Posted, share: float) -> float:
    return posted.latencies_ms[int(share * (len(posted.latencies_ms) - 1))]
