"""`doorstep run` as a process: started, found, reloaded, stopped, killed, and started anew on the same journal."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO, Any

import msgspec

from bench.harness import environment, last_json, reap
from bench.machine import ROOT

from .producer import Address

START_S = 30.0
_LISTENING = re.compile(r"^(\w+): listening on (\S+)$")


class Failed(Exception):
    """The engine did something that no scenario allows: it ended by itself, or did not begin or end in time."""


class Ended(msgspec.Struct, frozen=True):
    """How a run ended."""

    code: int
    seconds: float
    """From the signal on."""
    summary: dict[str, Any]
    rss_mib: float
    """The most it ever had."""
    cpu_s: float

    @property
    def rejected(self) -> int:
        """Lines it did not take, by its own account."""
        return sum(self.summary["rejected"].values())

    def total(self, count: str) -> int:
        """One of the summary's counts, of all destinations together."""
        return sum(destination[count] for destination in self.summary["destinations"].values())


class Doorstep:
    """One configuration, run as often as wanted, one process at a time."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.started_ns = 0
        self._said: deque[str] = deque(maxlen=200)
        self._addresses: dict[str, Address] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None
        self._out: IO[bytes] | None = None

    def start(self, *arguments: str) -> None:
        """Begins a run; `addresses` follow."""
        command = ["-m", "doorstep.engine.cli", "run", "-c", str(self.config), "--summary", "json", *arguments]
        self._addresses = {}
        self._out = tempfile.TemporaryFile()  # noqa: SIM115  closed by `_reap`
        self.started_ns = time.monotonic_ns()
        self._process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.PIPE,
        )
        self._listener = threading.Thread(target=self._listen, args=[self._process.stderr], daemon=True)
        self._listener.start()

    def address(self, ingress: str = "tcp") -> Address | None:
        """Where it listens, once it has said so."""
        return self._addresses.get(ingress)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the process that runs. Raises Failed if none does."""
        return self._running().pid

    @property
    def said(self) -> str:
        """The end of what it wrote to stderr, of all runs."""
        return "\n".join(self._said)

    def rss_mib(self, field: str = "VmRSS") -> float:
        """What it has in memory now; `VmHWM`: the most it ever had. 0 if it does not run."""
        if self._process is None or not self.alive:
            return 0.0
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0

    def reload(self) -> None:
        """SIGHUP."""
        self._running().send_signal(signal.SIGHUP)

    def kill(self) -> int:
        """SIGKILL; when (monotonic nanoseconds). Raises Failed if it had ended already."""
        process = self._running()
        killed_ns = time.monotonic_ns()
        process.kill()
        self._reap(10.0)
        return killed_ns

    def stop(self, within_s: float = 60.0) -> Ended:
        """SIGTERM, and its end. Raises Failed if it had ended already, or has to be killed."""
        process = self._running()
        began = time.monotonic()
        process.terminate()
        ended = self._reap(within_s)
        if ended.code < 0:
            raise Failed(f"not ended within {within_s:g} s of SIGTERM\n{self.said}")
        return msgspec.structs.replace(ended, seconds=time.monotonic() - began)

    def wait(self, within_s: float) -> Ended:
        """Its end by itself."""
        return self._reap(within_s)

    def close(self) -> None:
        """Whatever it does, it is ended."""
        if self._process is not None:
            self._process.kill()
            self._reap(10.0)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or not self.alive:
            raise Failed(f"it ended by itself\n{self.said}")
        return self._process

    def _reap(self, within_s: float) -> Ended:
        assert self._process is not None
        assert self._listener is not None
        assert self._out is not None
        process, self._process = self._process, None
        began = time.monotonic()
        if process.returncode is None:
            code, usage = reap(process, within_s)
            rss_mib, cpu_s = usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime
        else:
            code, rss_mib, cpu_s = process.returncode, 0.0, 0.0
        self._listener.join(5)
        with self._out:
            return Ended(code, time.monotonic() - began, last_json(self._out), rss_mib, cpu_s)

    def _listen(self, stderr: IO[bytes]) -> None:
        with stderr:
            for line in stderr:
                text = line.decode(errors="replace").rstrip()
                self._said.append(text)
                if found := _LISTENING.match(text):
                    self._addresses[found[1]] = _address(found[2])


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return (host, int(port)) if port.isdecimal() else text
