"""The disk fills up and is emptied again, many times: no exit, no loss, and it goes on by itself."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.scenario import Goal

from ..behaviour import Behaviour
from ..producer import Producer
from ..record import PROMISES, Figures, Scenario, Skip
from ..repeats import SECOND_NS
from ..settings import Engine, Hook
from ..stage import Stage, stage
from .common import EXIT_0, FRESH, closing

SILENT_S = 0.7
"""No ack for so long: the disk is full."""
FLUSHED_S = 0.3
"""Cursors are saved more often than that."""
ROOM_BYTES = 4 * 2**20
"""What is given back by emptying has to be so much to be room for events."""
CAUGHT_UP = 10_000
"""Events under way that are no backlog any more: a second's worth."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    cycles: int
    rate: int = 10_000
    size: str = "96m"
    seed: int = 9


def play(form: Form) -> Figures:
    """One destination is down while the disk fills, so that the journal has to grow; the other must get all the same."""
    with small_disk(form.size) as disk:
        hooks = [Hook(name="well"), Hook(name="gone")]
        with stage(Engine(), hooks, seed=form.seed, data_dir=disk / "data") as play:
            play.doorstep.start()
            producer = play.produce(form.rate)
            play.ready(producer)
            resumed_s = [cycle(play, producer, disk, kills=k == form.cycles - 1) for k in range(form.cycles)]
            return {"cycles": form.cycles, "slowest_resume_s": max(resumed_s), **closing(play)}


def cycle(play: Stage, producer: Producer, disk: Path, *, kills: bool) -> float:
    """Fill, see it stop, empty; the seconds until the next ack.

    A journal does not shrink, so in the end it has the disk for itself, and emptying gives nothing back: then the destination that was
    down comes back in the same moment, and what it takes is the room.

    With `kills` it is killed while the disk is full, long after the last delivery: what was delivered by then must have been noted, so
    not even a kill excuses a repeat of it (`repeats` counts deliveries of the last 100 ms only). It may take events even then, once a
    second, into the room that what is only kept for replay makes: so the last delivery is waited for, not the last ack.
    """
    play.receiver.behave("gone", Behaviour(kind="down"))
    filler = fill(disk / "filler")
    silent(play, producer)
    play.drained(["well"])
    if kills:
        play.until(lambda: quiet_s(play) > FLUSHED_S, 30.0, "deliveries to stop")
        play.doorstep.kill()
    if filler.stat().st_size < ROOM_BYTES:
        play.receiver.behave("gone", Behaviour())
    filler.unlink()
    emptied_ns = time.monotonic_ns()
    if kills:
        play.doorstep.start()
    play.until(lambda: producer.last_ack_ns > emptied_ns, 30.0, "an ack after the disk was emptied")
    resumed_s = (producer.last_ack_ns - emptied_ns) / SECOND_NS
    play.receiver.behave("gone", Behaviour())
    play.until(lambda: behind(play) <= CAUGHT_UP, 60.0, "the other to catch up")
    return resumed_s


def behind(play: Stage) -> int:
    """How many events the one that was down still lacks."""
    return play.ledger.acked_count - play.receiver.counts("gone")[0].unique


def quiet_s(play: Stage) -> float:
    """How long ago anything was delivered."""
    last_ns = max(play.receiver.counts(name)[0].last_ns for name in play.hooks)
    return (time.monotonic_ns() - last_ns) / SECOND_NS


def silent(play: Stage, producer: Producer) -> None:
    """Waits until it acknowledges nothing any more."""
    play.until(lambda: time.monotonic_ns() - producer.last_ack_ns > SILENT_S * SECOND_NS, 60.0, "acks to stop")


def fill(path: Path) -> Path:
    """Writes zeros until there is no room."""
    with open(path, "wb", buffering=0) as file:
        for block in (1 << 20, 4096):
            try:
                while file.write(bytes(block)) == block:
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return path


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """A file system of its own, gone with the block. Raises Skip where none may be mounted."""
    if os.geteuid() != 0:
        raise Skip("needs root, to mount a small tmpfs")
    with tempfile.TemporaryDirectory(prefix="small-disk-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "doorstep-test", folder]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


FULL_DISK = Scenario(
    name="full-disk",
    title="a small disk fills up and is emptied, under load, one of two destinations down meanwhile",
    play=play,
    full=Form(cycles=20),
    short=Form(cycles=2),
    goals=(*PROMISES, Goal("repeated", "<=", 0), Goal("slowest_resume_s", "<=", 5.0), EXIT_0, FRESH),
)
