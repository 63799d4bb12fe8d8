"""What a path of the receiver does, as the harness has told it to: one row a kind. Pure but for the random numbers it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from bench.paths import Answer

from .facts import Seen

Kind = Literal["healthy", "flaky", "down", "reset", "slow", "trickle", "hang", "token", "picky"]

RESET = Answer(status=-1)
"""Close the connection in place of an answer."""
OK = Answer()


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """One of the kinds, with what it needs to know.

    healthy: 200. flaky: 500 for `rate` of the requests. down: 500. reset: the connection is closed. slow: 200 after `after_s`.
    trickle: one byte a second. hang: no answer. token: 401 unless Authorization is `token`. picky: 400 for a request with an
    event whose id is `rest` modulo `every`.
    """

    kind: Kind = "healthy"
    rate: float = 0.2
    after_s: float = 0.05
    token: str = ""
    every: int = 1000
    rest: int = 7

    def refuses(self, i: int) -> bool:
        """Whether a picky path refuses event `i`."""
        return i % self.every == self.rest


class Asked(msgspec.Struct, frozen=True):
    """A request, as far as behaviours look at it."""

    seen: Seen
    authorization: str


def answer(behaviour: Behaviour, asked: Asked, random: Callable[[], float]) -> Answer:
    """What to do with a request."""
    return _KINDS[behaviour.kind](behaviour, asked, random)


def arrives(given: Answer) -> bool:
    """Whether the sender is told that it arrived."""
    return given.status == 200 and not given.trickles


def _picky(behaviour: Behaviour, asked: Asked, random: Callable[[], float]) -> Answer:
    return Answer(400) if any(behaviour.refuses(i) for i in asked.seen.ids) else OK


_KINDS: dict[Kind, Callable[[Behaviour, Asked, Callable[[], float]], Answer]] = {
    "healthy": lambda behaviour, asked, random: OK,
    "flaky": lambda behaviour, asked, random: Answer(500) if random() < behaviour.rate else OK,
    "down": lambda behaviour, asked, random: Answer(500),
    "reset": lambda behaviour, asked, random: RESET,
    "slow": lambda behaviour, asked, random: Answer(after_s=behaviour.after_s),
    "trickle": lambda behaviour, asked, random: Answer(trickles=True),
    "hang": lambda behaviour, asked, random: Answer(status=0),
    "token": lambda behaviour, asked, random: OK if asked.authorization == behaviour.token else Answer(401),
    "picky": _picky,
}
