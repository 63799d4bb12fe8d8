"""What every scenario plays on: a receiver, an engine with its journal, producers, a ledger; and the waits between them.

Everything that is started here is ended with the block, however that ends.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from .facts import Facts
from .ledger import Ledger
from .oracle import Account, judge
from .process import START_S, Doorstep, Failed
from .producer import Producer
from .remote import Receiver, receiver
from .repeats import SECOND_NS, Kill
from .settings import Engine, Hook, toml

LOOK_S = 0.02
IDLE_S = 30.0
"""A drain without a single new event for this long is stuck."""


class Stage:
    """One configuration and its surroundings."""

    idle_s = IDLE_S

    def __init__(self, seed: int, folder: Path, ears: Receiver, engine: Engine, hooks: Sequence[Hook]) -> None:
        self.facts = Facts(seed)
        self.ledger = Ledger()
        self.receiver = ears
        self.hooks = {hook.name: hook for hook in hooks}
        self.kills: list[Kill] = []
        self.producers: list[Producer] = []
        self.data_dir = folder / "data"
        self._engine, self._folder = engine, folder
        self.doorstep = Doorstep(folder / "doorstep.toml")
        self.configure(hooks)

    def configure(self, hooks: Sequence[Hook], data_dir: Path | None = None) -> None:
        """Writes the file anew; takes effect at the next start, or reload."""
        self.hooks = {hook.name: hook for hook in hooks}
        self.data_dir = data_dir or self.data_dir
        text = toml(self._engine, hooks, port=self.receiver.port, folder=self._folder, data_dir=self.data_dir)
        self.doorstep.config.write_text(text)

    def produce(self, rate: int = 0, ids: Iterator[int] | None = None, ingress: str = "tcp") -> Producer:
        """A producer, started."""
        producer = Producer(self.facts, self.ledger, lambda: self.doorstep.address(ingress), rate=rate, ids=ids)
        self.producers.append(producer)
        producer.start()
        return producer

    def close(self) -> None:
        """Ends producers and engine."""
        for producer in self.producers:
            producer.close()
        self.doorstep.close()

    # Waits -----------------------------------------------------------------------------------------------------------

    def until(self, condition: Callable[[], bool], within_s: float, what: str) -> float:
        """Waits for it, and returns the seconds that took. Raises Failed after `within_s`, or when the engine ends."""
        began = time.monotonic()
        while not condition():
            if not self.doorstep.alive:
                raise Failed(f"it ended by itself while waiting for {what}\n{self.doorstep.said}")
            if time.monotonic() - began > within_s:
                raise Failed(f"not within {within_s:g} s: {what}\n{self.doorstep.said}")
            time.sleep(LOOK_S / 10)
        return time.monotonic() - began

    def ready(self, producer: Producer) -> float:
        """Waits until the engine acknowledges; returns the seconds from its start to its first ack."""
        started_ns = self.doorstep.started_ns
        self.until(lambda: producer.first_ack_ns > started_ns, START_S, "the first ack")
        return (producer.first_ack_ns - started_ns) / SECOND_NS

    def kill(self) -> None:
        """Kills the engine, notes it, and starts it anew: not before what the dead one had sent was heard, or it would be taken for
        the new one's. On a busy machine that came later than the start, and its repeats were laid to no kill."""
        killed_ns = self.doorstep.kill()
        self.receiver.hear_out()
        self.doorstep.start()
        self.kills.append(Kill(killed_ns, self.doorstep.started_ns))

    def exhausted(self, producer: Producer, within_s: float = 60.0) -> None:
        """Waits until a producer of a bounded number of events has made the last one."""
        self.until(lambda: producer.exhausted, within_s, "the last event to be written")

    def settle(self, within_s: float = 60.0) -> None:
        """No new events; waits until all that was handed over is acknowledged."""
        for producer in self.producers:
            producer.finish()
        deadline = time.monotonic() + within_s
        for producer in self.producers:
            if not producer.join(max(0.0, deadline - time.monotonic())):
                raise Failed(f"acks are missing {within_s:g} s after the last event\n{self.doorstep.said}")

    def drained(self, names: Sequence[str] | None = None, without: int = 0) -> float:
        """Waits until all that was acknowledged, less `without`, has arrived there; returns the seconds.

        Never raises for what is missing: after `idle_s` without progress it gives up waiting, and the judge will say what is lost.
        """
        began = moved = time.monotonic()
        before = -1
        wanted = self.ledger.acked_count - without
        while True:
            arrived = [counts.unique for counts in self.receiver.counts(*(names or self.hooks))]
            if sum(arrived) != before:
                before, moved = sum(arrived), time.monotonic()
            if min(arrived) >= wanted or moved < time.monotonic() - self.idle_s:
                return moved - began
            time.sleep(LOOK_S)

    def fresh(self, names: Sequence[str] | None = None) -> float:
        """Sends one more event; the seconds until the last of these destinations had it. Raises Failed after half a minute."""
        i = self.ledger.next_id
        producer = self.produce(ids=iter([i]))
        wanted = list(names or self.hooks)
        self.until(
            lambda: all(counts.last_id == i for counts in self.receiver.counts(*wanted)), IDLE_S, "a fresh event"
        )
        producer.join(IDLE_S)
        return (max(counts.last_ns for counts in self.receiver.counts(*wanted)) - producer.start_ns) / SECOND_NS

    # The judge -------------------------------------------------------------------------------------------------------

    def accounts(self, elsewhere: dict[str, Sequence[int]] | None = None, *, once: bool = False) -> dict[str, Account]:
        """All destinations, judged; `elsewhere` are known dead letters by destination."""
        return {
            name: judge(
                self.ledger,
                self.receiver.arrived(name),
                elsewhere=(elsewhere or {}).get(name, ()),
                kills=self.kills,
                in_flight=hook.most_in_flight,
                once=once,
            )
            for name, hook in self.hooks.items()
        }


@contextmanager
def stage(engine: Engine, hooks: Sequence[Hook], *, seed: int = 1, data_dir: Path | None = None) -> Iterator[Stage]:
    """Set up, nothing started but the receiver."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="reliability-")))
        ears = opened.enter_context(receiver(seed))
        play = Stage(seed, folder, ears, engine, hooks)
        if data_dir is not None:
            play.configure(hooks, data_dir)
        opened.callback(play.close)
        yield play


def ids_of(producer: int, producers: int) -> Iterator[int]:
    """Ids for one of several producers: together dense, and each its own."""
    return count(producer, producers)
