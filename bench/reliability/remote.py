"""The receiver as the harness holds it: starts the process, tells its paths how to behave, asks what came."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from bench.harness import environment
from bench.machine import ROOT

from .arrivals import Arrived, Counts
from .behaviour import Behaviour

_NONE = Counts(requests=0, refused=0, events=0, unique=0, altered=0, invented=0, last_id=-1, last_ns=0)


class Receiver:
    """A running receiver process."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid

    def behave(self, name: str, behaviour: Behaviour) -> None:
        """From now on."""
        self._ask(f"/control/{name}", msgspec.json.encode(behaviour))

    def counts(self, *names: str) -> list[Counts]:
        """The numbers of these paths; zeros before the first request."""
        known = msgspec.json.decode(self._ask("/control"), type=dict[str, Counts])
        return [known.get(name, _NONE) for name in names]

    def arrived(self, name: str) -> Arrived:
        """All that came on one path."""
        return msgspec.msgpack.decode(self._ask(f"/control/{name}"), type=Arrived)

    def hear_out(self, within_s: float = 60.0) -> None:
        """Waits until all that senders who are gone had sent was read: their connections have ended. Raises TimeoutError.

        It accepts in the order in which they connected, so none of theirs is still to come once we are answered.
        """
        deadline = time.monotonic() + within_s
        while int(self._ask("/open")) > 1:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the receiver has open connections {within_s:g} s after the last sender's end")
            time.sleep(0.001)

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body)
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: bytes = response.read()
        return answer


@contextmanager
def receiver(seed: int) -> Iterator[Receiver]:
    """One of its own, ended with the block, or with this process."""
    command = [sys.executable, "-m", "bench.reliability.receiver", str(seed)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            yield Receiver(int(process.stdout.readline()), process.pid)
        finally:
            process.kill()
