"""The shapes that scenarios are written in: loads, entrants, goals. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from .measured import Measured


class AsFast(msgspec.Struct, frozen=True):
    """`events` as fast as they are taken. After `within_s`, if that is set, the feeder gives up and the engine is asked to end
    (SIGTERM): one that blocks on purpose never sees the end of its input."""

    events: int
    within_s: float | None = None


class Steady(msgspec.Struct, frozen=True):
    """`rate` events a second for `seconds`, open loop; the clock starts after `warmup` events more."""

    rate: int
    seconds: float
    warmup: int = 5000

    @property
    def events(self) -> int:
        """All of them."""
        return self.warmup + round(self.rate * self.seconds)


class ShareOf(msgspec.Struct, frozen=True):
    """A steady load at `share` of what the entrant of that name reached in the same round."""

    entrant: str
    share: float
    seconds: float


Load: TypeAlias = AsFast | Steady | ShareOf


class Entrant(msgspec.Struct, frozen=True, kw_only=True):
    """A program that reads events from stdin and posts them to the sink.

    In `arguments` (of the interpreter) and `config` (TOML) `{sink}` is the sink's URL, `{config}` the file that `config`
    is written to, `{bench}` the folder of the bench.
    """

    name: str
    arguments: tuple[str, ...]
    load: Load
    config: str = ""
    whole: tuple[str, ...] = ()
    """The paths on which every event must arrive exactly once, or the run is void."""
    handled: tuple[str, ...] = ()
    """The destinations that must have delivered every event by the engine's own account: what the sink does not see."""
    framing: int = 1
    """See `Measured.arrived`."""
    exits: tuple[int, ...] = (0,)


class Goal(msgspec.Struct, frozen=True):
    """`metric` at least, or at most, `bound`."""

    metric: str
    sign: str
    bound: float

    def met(self, value: float) -> bool:
        """Whether `value` is good enough."""
        return value >= self.bound if self.sign == ">=" else value <= self.bound


Read: TypeAlias = Callable[[Mapping[str, Measured]], dict[str, float]]


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """`read` turns a round (what was measured, by entrant) into the metrics that `results.METRICS` describes."""

    name: str
    title: str
    entrants: tuple[Entrant, ...]
    read: Read
    goals: tuple[Goal, ...]


def quick(load: Load) -> Load:
    """The same kind of load, so small that all scenarios together take seconds."""
    match load:
        case AsFast(events=events, within_s=within_s):
            return AsFast(min(events, 4000), within_s and 4.0)
        case Steady(rate=rate):
            return Steady(min(rate, 2000), 0.5, 500)
        case ShareOf(entrant=entrant, share=share):
            return ShareOf(entrant, share / 10, 0.5)
