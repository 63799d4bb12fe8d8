"""A client of a socket ingress with `ack = true`: open loop, remembers what was not acknowledged, and sends that again.

It runs in a thread of its own and survives whatever happens to the engine: on a broken connection it connects anew, to wherever the
engine listens by then, and first sends what it has had no ack for. That repetition is its own, and the ledger knows of it.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, islice

import msgspec

from .facts import Facts
from .ledger import Ledger

TICK_S = 0.005
MOST_IN_HAND = 256 * 1024
"""Bytes that wait to be written: an engine that takes nothing is pressed no further."""
LINES_A_WRITE = 2000
SECOND_NS = 10**9

Address = tuple[str, int] | str
"""TCP, or the path of a Unix socket."""


class Producer:
    """`ids` in their order, `rate` a second (0: as fast as they are taken), until they end or `finish`."""

    def __init__(
        self,
        facts: Facts,
        ledger: Ledger,
        address: Callable[[], Address | None],
        *,
        rate: int = 0,
        ids: Iterator[int] | None = None,
    ) -> None:
        self.first_ack_ns = 0
        """When the present connection (or the last one) got its first ack; 0 before."""
        self.last_ack_ns = 0
        self.start_ns = 0
        """When the first event was due: at the first connection, so that the start of an engine is nobody's wait."""
        self.produced = 0
        """Lines made from `ids` so far, in their order: number n was due at `start_ns + n / rate`."""
        self.exhausted = False
        """Whether `ids` have ended."""
        self.latencies_ns = array("q")
        """From when the last event of a write was due to its ack; not of what was sent again."""
        self._facts, self._ledger, self._address = facts, ledger, address
        self._rate = rate
        self._ids = count() if ids is None else ids
        self._unacked = array("Q")
        self._answered = 0
        self._marks: deque[tuple[int, int]] = deque()
        self._out = bytearray()
        self._heard = b""
        self._socket: socket.socket | None = None
        self._finishing = threading.Event()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    # For the harness -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to look for the engine."""
        self._thread.start()

    def finish(self) -> None:
        """No new events; goes on until all of the old ones are acknowledged."""
        self._finishing.set()

    def join(self, within_s: float) -> bool:
        """Waits until everything is acknowledged; whether it is."""
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Leaves at once."""
        self._leaving.set()
        if self._thread.ident is not None:
            self._thread.join(5)

    # The thread ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._leaving.is_set():
            if self._socket is None and not self._connect():
                time.sleep(TICK_S)
                continue
            try:
                self._step()
            except OSError:
                self._break_off()
            if self._ended and not self._unacked:
                break
        self._disconnect()

    @property
    def _ended(self) -> bool:
        return self.exhausted or self._finishing.is_set()

    def _connect(self) -> bool:
        address = self._address()
        if address is None:
            return False
        connection = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        try:
            connection.settimeout(1.0)
            connection.connect(address)
        except OSError:
            connection.close()
            return False
        connection.setblocking(False)
        if not isinstance(address, str):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket, self.first_ack_ns, self._answered = connection, 0, 0
        self.start_ns = self.start_ns or time.monotonic_ns()
        again = self._unacked.tolist()
        self._ledger.send(again)
        self._out += self._facts.lines(again)
        return True

    def _step(self) -> None:
        assert self._socket is not None
        due = self._make()
        writing = [self._socket] if self._out else []
        readable, writable, _ = select.select([self._socket], writing, [], TICK_S)
        if readable:
            self._hear(self._socket.recv(65536))
        if writable:
            self._write(self._socket)
        if not (due or readable or writable):
            time.sleep(TICK_S / 5)

    def _write(self, connection: socket.socket) -> None:
        written = 0
        with suppress(BlockingIOError), memoryview(self._out) as view:
            written = connection.send(view)
        del self._out[:written]

    def _make(self) -> bool:
        """New events, as many as are due; whether there were any."""
        if self._ended or len(self._out) > MOST_IN_HAND:
            return False
        now_ns = time.monotonic_ns()
        due = self._due(now_ns) - self.produced
        ids = list(islice(self._ids, max(0, min(due, LINES_A_WRITE))))
        self.exhausted = due > 0 and not ids
        if ids:
            self._ledger.send(ids)
            self._unacked.extend(ids)
            self._out += self._facts.lines(ids)
            self.produced += len(ids)
            self._marks.append((self._answered + len(self._unacked), self._due_ns(self.produced - 1) or now_ns))
        return bool(ids)

    def _due(self, now_ns: int) -> int:
        if not self._rate:
            return self.produced + LINES_A_WRITE
        return (now_ns - self.start_ns) * self._rate // SECOND_NS

    def _due_ns(self, n: int) -> int:
        return self.start_ns + n * SECOND_NS // self._rate if self._rate else 0

    def _hear(self, data: bytes) -> None:
        if not data:
            raise ConnectionResetError
        *lines, self._heard = (self._heard + data).split(b"\n")
        if lines:
            self._acknowledged(msgspec.json.decode(lines[-1])["ack"])

    def _acknowledged(self, upto: int) -> None:
        self.last_ack_ns = now_ns = time.monotonic_ns()
        self.first_ack_ns = self.first_ack_ns or now_ns
        self._ledger.ack(self._unacked[: upto - self._answered])
        del self._unacked[: upto - self._answered]
        self._answered = upto
        while self._marks and self._marks[0][0] <= upto:
            self.latencies_ns.append(now_ns - self._marks.popleft()[1])

    def _break_off(self) -> None:
        """The connection is gone. Lines whose last byte is still here were never handed over."""
        unsent = self._out.count(b"\n")
        if unsent:
            self._ledger.take_back(self._unacked[-unsent:])
        self._marks.clear()
        self._out.clear()
        self._heard = b""
        self._disconnect()

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
