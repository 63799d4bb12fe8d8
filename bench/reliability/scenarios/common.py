"""What several scenarios do and ask in the same way."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from bench.figures import percentile
from bench.scenario import Goal

from ..arrivals import Arrived
from ..oracle import figures
from ..producer import Producer
from ..record import Figures
from ..repeats import SECOND_NS
from ..stage import Stage

EXIT_0 = Goal("exit_code", "<=", 0)
FRESH = Goal("fresh_s", "<=", 1.0)
SAMPLED = 200_000
"""As many latencies are enough for a p99."""


def closing(play: Stage, *, once: bool = False, elsewhere: dict[str, Sequence[int]] | None = None) -> Figures:
    """No more faults: all must arrive, a fresh event too, and the engine must end well. Then the judge."""
    play.settle()
    refused = max((len(ids) for ids in (elsewhere or {}).values()), default=0)
    drained_s = play.drained(without=refused)
    fresh_s = play.fresh()
    ended = play.doorstep.stop()
    return {
        "acked": play.ledger.acked_count,
        "resent": play.ledger.resent_count,
        **figures(play.accounts(elsewhere, once=once)),
        "rejected": ended.rejected,
        "dead_lettered": ended.total("dead_lettered"),
        "drained_s": drained_s,
        "fresh_s": fresh_s,
        "exit_code": ended.code,
        "rss_mib": ended.rss_mib,
    }


def in_order(arrived: Arrived) -> bool:
    """Whether the ids only ever went up."""
    last = -1
    for _, ids in arrived.requests():
        if list(ids) != sorted(ids) or ids[0] <= last:
            return False
        last = ids[-1]
    return True


def latencies_ns(arrived: Arrived, producer: Producer, rate: int, began_ns: int, ended_ns: int) -> array[int]:
    """From when an event was due, between these times, to when it arrived; of a sample.

    Ids count from 0, in the order in which the one producer made them.
    """
    stride = max(1, arrived.counts.events // SAMPLED)
    first, last = ((at_ns - producer.start_ns) * rate // SECOND_NS for at_ns in (began_ns, ended_ns))
    waits = array("q")
    for at_ns, ids in arrived.requests():
        due = [producer.start_ns + i * SECOND_NS // rate for i in ids if first <= i < last and i % stride == 0]
        waits.extend(at_ns - due_ns for due_ns in due)
    return waits


def p_ms(waits_ns: array[int], share: float) -> float:
    """A percentile, in milliseconds."""
    return percentile(sorted(waits_ns), share) / 1e6
