"""The watch: a thread that looks at the time of calls, since the thread they run in may be unable to.

Every tick: a call that waits beyond its limit is cancelled; one that holds the thread is interrupted between two of its bytecodes; a thread
that does not come back from that is given up. Real time, whatever the engine's clock does: it is a user's code that passes it.

While code spins, the interpreter changes threads after each turn. With Python's 5 ms, which stay in a program that the engine is embedded
in, four webhooks beside it kept 62 % of 56 000 events/s; with the shorter ones that `doorstep run` sets, all of them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from math import inf
from pathlib import PurePath

from .host import Host, Slot
from .interrupt import GRACE_S, place_of_coroutine, place_of_thread, raise_in

_log = logging.getLogger("doorstep.functions")

TICK_S = 0.1


class Watch:
    """Of the hosts of one function: the one at work, and those that were given up and still live."""

    def __init__(self, limit_s: float, is_needed: Callable[[], bool]) -> None:
        """`is_needed`: whether anything is in hand; while nothing is, the watch sleeps."""
        self._limit_s = limit_s
        self._tick_s = min(TICK_S, limit_s / 10)
        self._is_needed = is_needed
        self._hosts: list[Host] = []
        self._wake = threading.Event()
        self._closed = threading.Event()

    def start(self) -> None:
        """Begins to watch; `close` ends it."""
        threading.Thread(target=self._run, name="doorstep watches functions", daemon=True).start()

    def attend(self, host: Host) -> None:
        """Watches this one, too."""
        self._hosts = [*(one for one in self._hosts if one.thread.is_alive()), host]

    def stir(self) -> None:
        """There is something in hand."""
        if not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        """Looks no more."""
        self._closed.set()
        self._wake.set()

    @property
    def lost(self) -> int:
        """How many threads were interrupted or given up and still live."""
        return sum((host.is_lost or host.interrupted_at < inf) and host.thread.is_alive() for host in self._hosts)

    def __repr__(self) -> str:
        return f"<Watch of {len(self._hosts)} hosts, {self.lost} lost>"

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wake.wait()
            if self._closed.wait(self._tick_s):
                return
            for host in self._hosts:
                if host.thread.is_alive():
                    self._look_at(host, time.monotonic())
            if not self._is_needed() and not self.lost:
                self._wake.clear()
                if self._is_needed():
                    self._wake.set()

    def _look_at(self, host: Host, now: float) -> None:
        beat_sent = host.beat_sent
        if beat_sent is None:
            host.beat_sent = now
            host.post(host.beat)
        running = asyncio.current_task(host.loop)
        slots = {slot: slot.since for slot in list(host.slots)}
        late = {slot: since for slot, since in slots.items() if now - since > self._limit_s}
        at = next((slot for slot in slots if running is not None and slot.task is running), None)
        if at in late:
            self._interrupt(host, {at: late.pop(at)}, now)
        elif at is None and beat_sent is not None and now - beat_sent > self._limit_s:
            # A task or a callback, and nothing tells whose: all that are late answer for it.
            self._interrupt(host, late, now)
        if beat_sent is None:
            for slot, since in late.items():
                self._cut(host, slot, since, now)

    def _cut(self, host: Host, slot: Slot, since: float, now: float) -> None:
        if slot.task is None:
            return
        host.post(host.cut, slot, since, place_of_coroutine(slot.task.get_coro(), host.caller.function.path))
        if now - since > self._limit_s + GRACE_S:
            self._give_up(host)

    def _interrupt(self, host: Host, calls: dict[Slot, float], now: float) -> None:
        """Something holds the thread. It may have ended by the time the exception gets there, and that hit the loop or another call."""
        thread_id = host.thread.ident or 0
        if host.interrupted_at == inf:
            place = place_of_thread(thread_id, host.caller.function.path)
            host.interrupted_at = now
            host.is_over = True  # first of all: no call begins from here on, to be blamed for the last one
            for slot, since in calls.items():
                if slot.since == since:
                    slot.timed_out_at = place
            raise_in(thread_id)
            host.post(host.stop)  # whatever catches it, or the loop, which passes over it
        elif now - host.interrupted_at > GRACE_S:
            host.interrupted_at = now  # it blocks, or caught what was raised: again, as long as it lives
            raise_in(thread_id)
            self._give_up(host)

    def _give_up(self, host: Host) -> None:
        if host.is_lost:
            return
        host.give_up()
        facts = {"function": PurePath(host.caller.function.path).name, "lost_threads": self.lost}
        _log.error("a function does not come back: it goes on in another thread", extra={"facts": facts})
