"""Writes events to the engine: as fast as it takes them, or at a steady rate whatever it does (open loop).

In open loop every event has a send time fixed beforehand, which travels in the event (`stamp`). If the engine stops reading,
the feeder is late but the stamps are not: the wait counts, as it would for the customers whose events those are.

`python -m bench.feeder FILE [--rate R --seconds S] [--connect HOST:PORT]` writes to stdout or to a TCP connection, and
reports on stderr in one JSON line. Without a rate the kernel moves the bytes (`sendfile`), so feeding costs next to nothing.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, NamedTuple

import msgspec

from .stamp import stamped

TICK_S = 0.001
SETTLE_S = 0.5
"""Between the first arrival of the warm-up and the schedule: every destination has connected by then."""
SECOND_NS = 10**9


class Schedule(NamedTuple):
    """When event i (from 0) is to be sent: `rate` events a second from `start_ns` on, evenly."""

    start_ns: int
    rate: int

    def intended_ns(self, i: int) -> int:
        """The send time of event `i`."""
        return self.start_ns + i * SECOND_NS // self.rate

    def due(self, now_ns: int) -> int:
        """How many events have a send time of `now_ns` or before."""
        return max(0, -(-(now_ns - self.start_ns + 1) * self.rate // SECOND_NS))


class Report(msgspec.Struct, frozen=True):
    """What was fed. Bytes include the line ends and the stamps; `start_ns` is monotonic."""

    bytes: int
    start_ns: int
    late_ms: float = 0.0
    """The longest time from an event's intended send time to the end of its write."""


def pour(source: BinaryIO, out: int) -> Report:
    """Everything, as fast as it goes."""
    start_ns, size = time.monotonic_ns(), os.fstat(source.fileno()).st_size
    while os.sendfile(out, source.fileno(), None, 1024 * 1024):
        pass
    return Report(size, start_ns)


def drip(lines: Iterator[bytes], out: BinaryIO, schedule: Schedule, total: int) -> Report:
    """`total` events by the schedule. Raises BrokenPipeError if the reader goes away."""
    sent = size = late_ns = 0
    while sent < total:
        now_ns = time.monotonic_ns()
        upto = min(schedule.due(now_ns), total)
        if upto == sent:
            time.sleep(TICK_S)
            continue
        block = b"".join(
            [stamped(line, schedule.intended_ns(sent + k)) for k, line in enumerate(islice(lines, upto - sent))]
        )
        out.write(block)
        out.flush()
        late_ns = max(late_ns, time.monotonic_ns() - schedule.intended_ns(sent))
        sent, size = upto, size + len(block)
    return Report(size, schedule.start_ns, late_ns / 1e6)


def warm_up(lines: Iterator[bytes], out: BinaryIO, count: int, sink: str) -> int:
    """Feeds `count` events without a stamp and waits until some have arrived. Returns their bytes."""
    block = b"".join(islice(lines, count))
    out.write(block)
    out.flush()
    while not has_requests(sink):
        time.sleep(0.02)
    time.sleep(SETTLE_S)
    return len(block)


def has_requests(sink: str) -> bool:
    """Whether anything has arrived at the sink."""
    with urllib.request.urlopen(f"{sink}/stats", timeout=5) as response:
        return bool(msgspec.json.decode(response.read())["paths"])


def steady(source: BinaryIO, out: BinaryIO, options: argparse.Namespace) -> Report:
    """The warm-up, then the schedule; reports both."""
    lines = iter(source)
    warm_bytes = warm_up(lines, out, options.warmup, options.sink) if options.warmup else 0
    schedule = Schedule(time.monotonic_ns() + SECOND_NS // 100, options.rate)
    report = drip(lines, out, schedule, round(options.rate * options.seconds))
    return msgspec.structs.replace(report, bytes=report.bytes + warm_bytes)


def connect(address: str) -> int:
    """A connected socket's descriptor."""
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port))).detach()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.feeder", description="Feeds events to an engine.")
    parser.add_argument("file")
    parser.add_argument("--rate", type=int, default=0, help="events a second; 0: as fast as it goes")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long, with a rate")
    parser.add_argument("--warmup", type=int, default=0, help="events before the schedule, with a rate")
    parser.add_argument("--sink", default="", help="where the warm-up is to arrive, as http://HOST:PORT")
    parser.add_argument("--connect", default="", metavar="HOST:PORT", help="write to a TCP connection, not to stdout")
    options = parser.parse_args()
    out = connect(options.connect) if options.connect else 1
    with open(options.file, "rb") as source, open(out, "wb") as stream:
        report = steady(source, stream, options) if options.rate else pour(source, out)
    sys.stderr.write(msgspec.json.encode(report).decode() + "\n")


if __name__ == "__main__":
    main()
