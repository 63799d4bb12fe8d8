"""Starts the processes, pins them, waits, and takes the operating system's account of them.

The engine (or a yardstick) gets the first processor this process may use, feeder and sink the second. Every process is bounded
in time, and ended by whoever started it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import msgspec

from .events import Mix
from .feeder import Report
from .machine import ROOT
from .measured import Measured
from .paths import SinkStats
from .scenario import AsFast, Entrant, Steady

CACHE = ROOT / "bench" / ".cache"
LIMIT_S = 120.0
"""No run takes this long; one that does is killed, and void."""
SEED = 1


class Void(Exception):
    """A run that proves nothing: it failed, or not everything arrived."""


class Bench:
    """A sink, and runs against it, one at a time."""

    def __init__(self, sink: str, engine_core: int, other_core: int) -> None:
        self.sink = sink
        self._cores = engine_core, other_core

    def measure(
        self, entrant: Entrant, load: AsFast | Steady, interpreter: Sequence[str] = (sys.executable,)
    ) -> Measured:
        """One run of `entrant`. Raises Void if it failed or lost something."""
        self._ask("/reset", method="POST")
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            command = self._command(entrant, Path(folder), interpreter)
            measured = self._run(command, entrant, load)
        check(entrant, measured)
        return measured

    def _command(self, entrant: Entrant, folder: Path, interpreter: Sequence[str]) -> list[str]:
        config = folder / "doorstep.toml"
        places = {"{sink}": self.sink, "{config}": str(config), "{bench}": str(ROOT / "bench")}
        text, arguments = entrant.config, list(entrant.arguments)
        for place, value in places.items():
            text = text.replace(place, value)
            arguments = [argument.replace(place, value) for argument in arguments]
        config.write_text(text)
        return [*interpreter, *arguments]

    def _run(self, command: list[str], entrant: Entrant, load: AsFast | Steady) -> Measured:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            started = time.monotonic()
            engine, feeder = self._start(command, load, out, err)
            with feeder:
                code, usage = reap(engine, LIMIT_S)
                wall_s = time.monotonic() - started
                if code not in entrant.exits:
                    feeder.kill()
                    raise Void(f"{entrant.name}: exit code {code}\n{tail(err)}")
                fed = reported(feeder)
            return Measured(
                events=load.events,
                seconds=load.seconds if isinstance(load, Steady) else 0.0,
                rate=load.rate if isinstance(load, Steady) else 0,
                fed=fed,
                sink=self.statistics(),
                wall_s=wall_s,
                cpu_s=usage.ru_utime + usage.ru_stime,
                rss_mib=usage.ru_maxrss / 1024,
                exit_code=code,
                said=last_json(out),
            )

    def _start(
        self, command: list[str], load: AsFast | Steady, out: IO[bytes], err: IO[bytes]
    ) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
        read_end, write_end = os.pipe()
        engine = spawn(command, self._cores[0], stdin=read_end, stdout=out, stderr=err)
        feeder = spawn(
            self._feed(load), self._cores[1], stdin=subprocess.DEVNULL, stdout=write_end, stderr=subprocess.PIPE
        )
        os.close(read_end)
        os.close(write_end)
        if isinstance(load, AsFast) and load.within_s:
            signal_after(load.within_s, feeder, signal.SIGKILL)
            signal_after(load.within_s, engine, signal.SIGTERM)
        return engine, feeder

    def _feed(self, load: AsFast | Steady) -> list[str]:
        source = event_file(load.events if isinstance(load, AsFast) else roomy(load.events))
        command = [sys.executable, "-m", "bench.feeder", str(source)]
        if isinstance(load, Steady):
            pace = ["--rate", str(load.rate), "--seconds", str(load.seconds)]
            command += [*pace, "--warmup", str(load.warmup), "--sink", self.sink]
        return command

    def statistics(self) -> SinkStats:
        """The sink's, since the last reset."""
        return msgspec.json.decode(self._ask("/stats"), type=SinkStats)

    def _ask(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(self.sink + path, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: bytes = response.read()
        return answer


@contextmanager
def bench() -> Iterator[Bench]:
    """A sink of its own, ended with the block."""
    engine_core, other_core = cores()
    sink = spawn([sys.executable, "-m", "bench.sink"], other_core, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert sink.stdout is not None
        port = json.loads(sink.stdout.readline())["port"]
        yield Bench(f"http://127.0.0.1:{port}", engine_core, other_core)
    finally:
        sink.kill()
        sink.communicate()


def cores() -> tuple[int, int]:
    """Where the engine runs, and where everything else does (the same, if there is only one)."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[1 % len(allowed)]


def spawn(command: list[str], core: int, **streams: Any) -> subprocess.Popen[bytes]:
    """Starts `command` on `core`; threads that it makes inherit that."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), **streams)
    os.sched_setaffinity(process.pid, {core})
    return process


def environment() -> dict[str, str]:
    """This one's; where doorstep is not installed, with the work tree's on the path.

    What Python compiled is kept, as installers keep it: else each start compiles the engine anew, which takes as long as 40 000 events.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if find_spec("doorstep") is not None:
        return inherited
    return {**inherited, "PYTHONPATH": os.pathsep.join([str(ROOT / "_dev"), os.environ.get("PYTHONPATH", "")])}


def reap(process: subprocess.Popen[bytes], limit_s: float) -> tuple[int, Any]:
    """Waits for the end, kills after `limit_s`; the exit code (negative: a signal) and the kernel's account (`rusage`)."""
    watchdog = signal_after(limit_s, process, signal.SIGKILL)
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        raise
    finally:
        watchdog.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage


def signal_after(seconds: float, process: subprocess.Popen[bytes], number: signal.Signals) -> threading.Timer:
    """Sends a signal to `process` later, unless it has ended by then."""
    timer = threading.Timer(seconds, process.send_signal, [number])
    timer.daemon = True
    timer.start()
    return timer


def reported(feeder: subprocess.Popen[bytes]) -> Report:
    """The feeder's report; an empty one if it was ended before it could write one."""
    _, said = feeder.communicate(timeout=30)
    try:
        return msgspec.json.decode(said, type=Report)
    except msgspec.DecodeError:
        return Report(bytes=0, start_ns=0)


def last_json(out: IO[bytes]) -> dict[str, Any]:
    """The last line of `out` that is a JSON object: a profiler may have said something after it."""
    out.seek(0)
    for line in reversed(out.read().splitlines()):
        try:
            return msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError:
            continue
    return {}


def tail(err: IO[bytes], limit: int = 4000) -> str:
    """The end of what was written to `err`."""
    err.seek(0)
    return err.read()[-limit:].decode(errors="replace")


def check(entrant: Entrant, measured: Measured) -> None:
    """Raises Void unless every event arrived exactly once where it had to."""
    shares = {path: measured.arrived(path, entrant.framing) for path in entrant.whole}
    wrong = {path: share for path, share in shares.items() if share != 1.0}
    if wrong:
        raise Void(f"{entrant.name}: not every event arrived exactly once; shares: {wrong}; it said {measured.said}")
    told = measured.said.get("destinations", {})
    behind = {
        name: told.get(name) for name in entrant.handled if told.get(name, {}).get("delivered") != measured.events
    }
    if behind:
        raise Void(f"{entrant.name}: not every event was handled: {behind}")
    if not measured.sink.paths:
        raise Void(f"{entrant.name}: nothing arrived")


def roomy(count: int) -> int:
    """The next power of two: steady loads differ from run to run, and need not each have a file of their own."""
    return 1 << (count - 1).bit_length()


def event_file(count: int) -> Path:
    """The first `count` events of the bench's seed as a file, made once. Named after what is in it, so never stale."""
    version = hashlib.sha256(Mix(SEED).event(0)).hexdigest()[:8]
    path = CACHE / f"events-{SEED}-{count}-{version}.ndjson"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        with open(unfinished, "wb") as out:
            out.writelines(Mix(SEED).lines(count))
        unfinished.replace(path)
    return path
