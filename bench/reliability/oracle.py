"""The judge: from what was acknowledged and what arrived, what is lost, invented, altered, repeated. Pure.

    acked is a subset of delivered | dead | parked | pending          else: lost
    delivered is a subset of what was handed over                     else: invented
    the bytes of each are what they must be                           else: altered (the receiver says so)
    a second delivery has a kill between the first and itself, and there are at most as many of them as were in flight at that
    kill plus those that arrived in the 100 ms before it              else: unprovoked, over the bound

What a producer handed over twice, because it never heard of the first time, may be delivered twice: excused.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .arrivals import Arrived, unpacked
from .ledger import Ledger, flags_of, without
from .repeats import Kill, Repeats, repeats

SHOWN = 10


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One destination, judged. All but `delivered`, `excused` and the provoked repeats within the bound must be 0."""

    delivered: int
    lost: int
    invented: int
    altered: int
    repeats: Repeats
    examples: list[int]
    """Some ids that are lost or invented."""

    @property
    def sound(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.invented or self.altered or self.repeats.unprovoked or self.repeats.over_bound)


def judge(
    ledger: Ledger,
    arrived: Arrived,
    *,
    elsewhere: Sequence[int] = (),
    kills: Sequence[Kill] = (),
    in_flight: int = 0,
    once: bool = False,
) -> Account:
    """One destination.

    `elsewhere`: ids that are known to be dead letters, parked or pending there. `in_flight`: how many events may be under way at
    a time. `once`: what was handed over several times must arrive once all the same, as with dedup.
    """
    requests = list(arrived.requests())
    delivered = flags_of(unpacked("I", arrived.ids))
    lost = without(ledger.acked(), delivered, flags_of(elsewhere))
    invented = without(delivered, ledger.sent())
    return Account(
        delivered=delivered.count(1),
        lost=len(lost),
        invented=len(invented) + arrived.counts.invented,
        altered=arrived.counts.altered,
        repeats=repeats(requests, (lambda i: 1) if once else ledger.times_sent, kills, in_flight),
        examples=[*lost[:SHOWN], *invented[:SHOWN]],
    )


def figures(accounts: dict[str, Account]) -> dict[str, float]:
    """The numbers of all destinations together, as they are recorded."""
    each = accounts.values()
    return {
        "delivered": sum(one.delivered for one in each),
        "lost": sum(one.lost for one in each),
        "invented": sum(one.invented for one in each),
        "altered": sum(one.altered for one in each),
        "repeated": sum(one.repeats.provoked for one in each),
        "repeats_at_worst_kill": max((one.repeats.worst for one in each), default=0),
        "repeats_excused": sum(one.repeats.excused for one in each),
        "repeats_unprovoked": sum(one.repeats.unprovoked for one in each),
        "repeats_over_bound": sum(one.repeats.over_bound for one in each),
    }
