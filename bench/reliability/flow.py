"""Events from a file through a program on stdin to the bench's sink, as fast as it goes: what came, how fast, at what cost."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import NamedTuple

from bench.harness import Bench, Void, cores, event_file, reap, spawn, tail
from bench.paths import PathStats

from .process import Failed

LIMIT_S = 300.0


class Flow(NamedTuple):
    """A run. `events` are deliveries of one destination; rates are the receiver's, from its first request to its last."""

    events: int
    per_s: float
    cpu_us: float
    rss_mib: float


def flow(
    stand: Bench, program: list[str], *, events: int, seconds: float = 0.0, pinned: bool = False, whole: bool = True
) -> Flow:
    """Runs `program` (arguments of the interpreter) on all processors, or as the bench pins its engines.

    The first `events` are poured once, or for `seconds` over and over. Raises Void unless all of them arrived on every path
    (`whole`; such a path needs `count=1`), Failed if the program did.
    """
    reset(stand)
    launcher = [] if pinned else ["-m", "bench.reliability.unpinned"]
    engine_core, other_core = cores()
    pour = [sys.executable, "-m", "bench.reliability.pour", str(event_file(events)), str(seconds)]
    with tempfile.TemporaryFile() as err:
        feeder = spawn(pour, other_core, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        engine = spawn(
            [sys.executable, *launcher, *program],
            engine_core,
            stdin=feeder.stdout,
            stdout=subprocess.DEVNULL,
            stderr=err,
        )
        with feeder:
            assert feeder.stdout is not None
            assert feeder.stderr is not None
            feeder.stdout.close()
            code, usage = reap(engine, LIMIT_S + seconds)
            if code != 0:
                feeder.kill()
                raise Failed(f"exit code {code}\n{tail(err)}")
            fed = int(feeder.stderr.read()) * events
    paths = list(stand.statistics().paths.values())
    if not paths or (whole and any(path.events != fed for path in paths)):
        raise Void(f"{fed} events fed, arrived: {sorted(path.events for path in paths)}")
    cpu_us = (usage.ru_utime + usage.ru_stime) / fed * 1e6
    return Flow(fed, rate(paths, fed), cpu_us, usage.ru_maxrss / 1024)


def rate(paths: list[PathStats], events: int) -> float:
    """Events a second. What came with the first request had come when the clock began."""
    first = min(paths, key=lambda path: path.first_ns)
    window_s = (max(path.last_ns for path in paths) - first.first_ns) / 1e9
    return events * (1 - first.first_bytes / first.bytes) / window_s if window_s else 0.0


def reset(stand: Bench) -> None:
    """The sink forgets."""
    request = urllib.request.Request(f"{stand.sink}/reset", method="POST")
    with urllib.request.urlopen(request, timeout=30) as response:
        response.read()


def run_command(config: Path) -> list[str]:
    """`doorstep run` with this file."""
    return ["-m", "doorstep.engine.cli", "run", "-c", str(config)]
