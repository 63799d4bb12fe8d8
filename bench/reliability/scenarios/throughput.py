"""What durability costs: speed beside the yardstick and beside memory, into a fresh journal and into an old one, and ack latencies."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from pathlib import Path

import msgspec

from bench.entrants import webhook
from bench.harness import Bench, bench
from bench.scenario import Goal

from ..clients import ack_latencies_ns
from ..flow import Flow, flow, run_command
from ..record import Figures, Scenario
from ..settings import Engine, Hook
from ..stage import stage
from .common import p_ms

PATH = "/ok?count=1"
CLIENTS = 50
CLIENTS_RATE = 20_000
FULL = 0.95
"""Of its limit: what a journal that deletes stays at."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """`old_gib`: how large the old journal is, and its limit; 0 leaves that part out."""

    rounds: int
    events: int = 400_000
    single_events: int = 30_000
    spread_events: int = 50_000
    clients_s: float = 10.0
    old_gib: int = 4
    old_s: float = 60.0


def play(form: Form) -> Figures:
    """All parts; rates are medians of the rounds, in each of which everything runs once."""
    with bench() as stand:
        rounds = [one_round(stand, form) for _ in range(form.rounds)]
        figures = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
        figures |= many_clients(form)
        if form.old_gib:
            figures |= into_an_old_journal(stand, form, figures["floor_per_s"])
    return figures


def one_round(stand: Bench, form: Form) -> Figures:
    """The yardstick and the engine in turn, so that a ratio compares two runs of the same minute."""
    floor = flow(stand, ["-m", "bench.floor", f"{stand.sink}/ok"], events=form.events, pinned=True, whole=False)
    disk, memory = (fresh(stand, kind, webhook("hook", PATH), form.events) for kind in ("disk", "memory"))
    lone = webhook("hook", PATH, "in_flight = 8", form="single")
    lone_disk, lone_memory = (fresh(stand, kind, lone, form.single_events) for kind in ("disk", "memory"))
    spread = fresh(stand, "disk", twenty(), form.spread_events)
    return {
        "floor_per_s": floor.per_s,
        "events_per_s": disk.per_s,
        "of_floor": disk.per_s / floor.per_s,
        "of_memory": disk.per_s / memory.per_s,
        "single_of_memory": lone_disk.per_s / lone_memory.per_s,
        "deliveries_per_s": spread.per_s * 20,
        "cpu_us": disk.cpu_us,
        "storage_cpu_us": disk.cpu_us - memory.cpu_us,
        "rss_mib": max(run.rss_mib for run in (disk, lone_disk, spread)),
    }


def twenty() -> str:
    """The TOML of twenty destinations."""
    return "".join(webhook(f"hook{k}", f"/ok/{k}?count=1") for k in range(20))


def fresh(stand: Bench, durability: str, destinations: str, events: int) -> Flow:
    """One run with a journal that is not there yet."""
    with tempfile.TemporaryDirectory(prefix="journal-") as folder:
        return flow(stand, run_command(written(Path(folder), durability, destinations, stand)), events=events)


def written(folder: Path, durability: str, destinations: str, stand: Bench, *lines: str) -> Path:
    """The file; events come from standard input."""
    keys = [f'durability = "{durability}"', *lines]
    if durability != "memory":
        keys.append(f"data_dir = {json.dumps(str(folder / 'data'))}")
    config = folder / "doorstep.toml"
    config.write_text("\n".join(["[engine]", *keys, destinations.replace("{sink}", stand.sink)]))
    return config


def into_an_old_journal(stand: Bench, form: Form, floor_per_s: float) -> Figures:
    """Filled to its limit first, so that every chunk that is written makes an old one go."""
    limit = f"{form.old_gib}GiB"
    with tempfile.TemporaryDirectory(prefix="journal-") as folder:
        config = written(
            Path(folder), "disk", webhook("hook", PATH), stand, f'max_journal_bytes = "{limit}"', 'retention = "24h"'
        )
        while size_bytes(Path(folder)) < FULL * form.old_gib * 2**30:
            before = size_bytes(Path(folder))
            flow(stand, run_command(config), events=form.events)
            if size_bytes(Path(folder)) <= before:
                break  # it deletes already
        old_gib = size_bytes(Path(folder)) / 2**30
        run = flow(stand, run_command(config), events=form.events, seconds=form.old_s)
    return {
        "old_gib": old_gib,
        "old_per_s": run.per_s,
        "old_of_floor": run.per_s / floor_per_s,
        "old_cpu_us": run.cpu_us,
        "old_rss_mib": run.rss_mib,
    }


def size_bytes(folder: Path) -> int:
    """Of all files in it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def many_clients(form: Form) -> Figures:
    """One event a write, each waited for: on disk, and in memory for what the storage costs.

    What the disk has still to write of the runs before is none of theirs, nor what it has to do where 4 GiB were deleted: that comes after.
    """
    os.sync()
    disk, memory = (clients_run(form, kind) for kind in ("disk", "memory"))
    return {
        "ack_p50_ms": disk["p50_ms"],
        "ack_p99_ms": disk["p99_ms"],
        "clients_late_p99_ms": disk["late_ms"],
        "memory_ack_p99_ms": memory["p99_ms"],
        "clients_storage_cpu_us": disk["cpu_us"] - memory["cpu_us"],
        "clients_rss_mib": disk["rss_mib"],
    }


def clients_run(form: Form, durability: str) -> Figures:
    """The clients against a journal that is not there yet."""
    with stage(Engine(durability=durability), [Hook(name="one")]) as play:
        play.doorstep.start()
        play.until(lambda: play.doorstep.address() is not None, 10.0, "where it listens")
        address = play.doorstep.address()
        assert address is not None
        waits = ack_latencies_ns(
            play.facts, play.ledger, address, clients=CLIENTS, rate=CLIENTS_RATE, seconds=form.clients_s
        )
        play.drained()
        ended = play.doorstep.stop()
    cpu_us = ended.cpu_s / play.ledger.acked_count * 1e6
    late_ms = p_ms(waits.late_ns, 0.99)
    return {
        "late_ms": late_ms,
        "p50_ms": p_ms(waits.acks_ns, 0.5),
        "p99_ms": p_ms(waits.acks_ns, 0.99),
        "cpu_us": cpu_us,
        "rss_mib": ended.rss_mib,
    }


THROUGHPUT = Scenario(
    name="throughput",
    title="disk beside the yardstick and memory; one request an event; 20 destinations; 50 clients; a full journal",
    play=play,
    full=Form(rounds=5),
    short=Form(rounds=1, clients_s=3.0, old_gib=0),
    goals=(
        Goal("of_floor", ">=", 0.45),
        Goal("single_of_memory", ">=", 0.7),
        Goal("deliveries_per_s", ">=", 300_000),
        Goal("ack_p50_ms", "<=", 10),
        Goal("ack_p99_ms", "<=", 30),
        Goal("clients_storage_cpu_us", "<=", 3.0),
        Goal("rss_mib", "<=", 200),
        Goal("clients_rss_mib", "<=", 200),
    ),
    full_goals=(Goal("old_of_floor", ">=", 0.35), Goal("old_per_s", ">=", 100_000), Goal("old_rss_mib", "<=", 200)),
)
