"""The metrics, as a table: what each is called, what it means, and where in a report its values are. The page in `docs/` is made of it.

Names of labels are few and their values bounded: destinations, actions, and codes of reasons. Nothing of an event is ever in one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeAlias

import msgspec

from .histogram import Distribution
from .observation import ActionObservation, Observation
from .report import JournalState, Report

Labels: TypeAlias = tuple[str, ...]
Value: TypeAlias = "float | Distribution | None"
Sample: TypeAlias = tuple[Labels, Value]
"""The values of the metric's own labels, after those that say whose it is. A value of None is left out."""

STATES = ("closed", "open", "half_open", "held", "crashed", "paused", "removed")


class Row(msgspec.Struct, frozen=True):
    """One metric."""

    name: str
    """Without `_total`, which every counter has."""
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Labels = ()

    @property
    def full_name(self) -> str:
        """As it is queried."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


class EngineRow(Row, frozen=True):
    """A metric of the whole engine."""

    read: Callable[[Report], Iterable[Sample]] = lambda report: ()


class DestinationRow(Row, frozen=True):
    """A metric of each destination: its labels come after `destination`."""

    read: Callable[[Observation], Iterable[Sample]] = lambda one: ()


class ActionRow(Row, frozen=True):
    """A metric of each action of a destination: its labels come after `destination` and `action`."""

    read: Callable[[ActionObservation], Iterable[Sample]] = lambda one: ()


def _one(value: Value) -> list[Sample]:
    return [((), value)]


def _of_journal(read: Callable[[JournalState], float | None]) -> Callable[[Report], list[Sample]]:
    return lambda report: _one(read(report.journal)) if report.journal else []


def _each(counts: Mapping[str, int]) -> list[Sample]:
    return [((reason,), count) for reason, count in counts.items()]


def _dead(one: ActionObservation) -> list[Sample]:
    classes = one.statistics.dead.items()
    return [((fault, reason), count) for fault, reasons in classes for reason, count in reasons.items()]


ENGINE = (
    EngineRow("doorstep_received_events", "counter", "Lines that came in.", read=lambda r: _one(r.statistics.received)),
    EngineRow("doorstep_accepted_events", "counter", "Events stored.", read=lambda r: _one(r.statistics.accepted)),
    EngineRow(
        "doorstep_duplicate_events",
        "counter",
        "Events that were accepted before, where the ingress has `dedup`.",
        read=lambda r: _one(r.statistics.duplicates),
    ),
    EngineRow(
        "doorstep_rejected_events",
        "counter",
        "Lines that are no events.",
        ("reason",),
        read=lambda r: _each(r.statistics.rejected),
    ),
    EngineRow(
        "doorstep_uptime_seconds", "gauge", "Since the engine started.", read=lambda r: _one(r.statistics.duration_s)
    ),
    EngineRow(
        "doorstep_loop_lag_seconds",
        "gauge",
        "How late the event loop wakes a task: the 99th percentile since the start.",
        read=lambda r: _one(None if r.process.loop_lag_ms is None else r.process.loop_lag_ms / 1000),
    ),
    EngineRow(
        "doorstep_loop_lag_max_seconds",
        "gauge",
        "The worst of it since the start.",
        read=lambda r: _one(r.process.loop_lag_max_ms / 1000),
    ),
    EngineRow(
        "doorstep_process_resident_memory_bytes",
        "gauge",
        "Memory of the process.",
        read=lambda r: _one(r.process.rss_bytes),
    ),
    EngineRow(
        "doorstep_process_cpu_seconds",
        "counter",
        "User and system time of the process.",
        read=lambda r: _one(r.process.cpu_s),
    ),
    EngineRow("doorstep_journal_bytes", "gauge", "What the journal holds.", read=_of_journal(lambda j: j.used_bytes)),
    EngineRow(
        "doorstep_journal_max_bytes", "gauge", "The most that it may hold.", read=_of_journal(lambda j: j.max_bytes)
    ),
    EngineRow(
        "doorstep_journal_waiting_bytes",
        "gauge",
        "Events taken and not durable yet.",
        read=_of_journal(lambda j: j.waiting_bytes),
    ),
    EngineRow(
        "doorstep_journal_full",
        "gauge",
        "1 while nothing is accepted for want of room.",
        read=_of_journal(lambda j: float(j.is_full)),
    ),
    EngineRow("doorstep_journal_commits", "counter", "Transactions written.", read=_of_journal(lambda j: j.commits)),
    EngineRow(
        "doorstep_journal_oldest_timestamp_seconds",
        "gauge",
        "When the oldest event that can be replayed was received.",
        read=_of_journal(lambda j: j.kept_since),
    ),
)

DESTINATION = (
    DestinationRow(
        "doorstep_offered_events",
        "counter",
        "Events that came while it was there.",
        read=lambda d: _one(d.statistics.offered),
    ),
    DestinationRow(
        "doorstep_pending_before_events",
        "gauge",
        "Events left over from earlier runs, at the start.",
        read=lambda d: _one(d.statistics.pending_before),
    ),
    DestinationRow(
        "doorstep_replayed_events",
        "counter",
        "Events sent again because somebody said so.",
        read=lambda d: _one(d.statistics.replayed),
    ),
    DestinationRow(
        "doorstep_dropped_events",
        "counter",
        "Events not kept, as configured.",
        read=lambda d: _one(d.statistics.dropped),
    ),
    DestinationRow(
        "doorstep_expired_events",
        "counter",
        "Events too old for its backlog, or damaged.",
        read=lambda d: _one(d.statistics.expired),
    ),
    DestinationRow(
        "doorstep_lag_events",
        "gauge",
        "Events to be delivered, without parked ones.",
        read=lambda d: _one(d.lag.events),
    ),
    DestinationRow(
        "doorstep_lag_seconds", "gauge", "How long the oldest of them has waited.", read=lambda d: _one(d.lag.seconds)
    ),
    DestinationRow(
        "doorstep_delivery_seconds", "histogram", "From accepted to the outcome.", read=lambda d: _one(d.latency_s)
    ),
    DestinationRow(
        "doorstep_event_to_received_seconds",
        "histogram",
        "From the event's own time to when it came in; one event a batch.",
        read=lambda d: _one(d.attempts.to_received_s),
    ),
    DestinationRow(
        "doorstep_event_to_delivered_seconds",
        "histogram",
        "From the event's own time to its delivery; one event a batch.",
        read=lambda d: _one(d.attempts.to_delivered_s),
    ),
    DestinationRow(
        "doorstep_newest_delivered_timestamp_seconds",
        "gauge",
        "The own time of the newest event delivered: how fresh the receiver's data are.",
        read=lambda d: _one(d.attempts.newest_at),
    ),
    DestinationRow(
        "doorstep_state",
        "gauge",
        f"1 for the state that it is in: {', '.join(STATES)}.",
        ("state",),
        read=lambda d: [((state,), float(d.statistics.state == state)) for state in STATES],
    ),
    DestinationRow(
        "doorstep_breaker_trips", "counter", "How often its breaker opened.", read=lambda d: _one(d.breaker.trips)
    ),
    DestinationRow(
        "doorstep_limiter_events_per_second",
        "gauge",
        "Its rate as it is now, lower after a 429; absent for unlimited.",
        read=lambda d: _one(d.limiter.effective),
    ),
    DestinationRow(
        "doorstep_limiter_slowdowns", "counter", "How often a 429 lowered it.", read=lambda d: _one(d.limiter.slowdowns)
    ),
    DestinationRow("doorstep_actor_restarts", "counter", "How often its code crashed.", read=lambda d: _one(d.crashes)),
)

ACTION = (
    ActionRow(
        "doorstep_delivered_events",
        "counter",
        "Events that the receiver has.",
        read=lambda a: _one(a.statistics.delivered),
    ),
    ActionRow(
        "doorstep_filtered_events",
        "counter",
        "Events that are not for it.",
        ("reason",),
        read=lambda a: _each(a.statistics.filtered),
    ),
    ActionRow(
        "doorstep_dead_letter_events",
        "counter",
        "Events given up, by whose fault it was.",
        ("class", "reason"),
        read=_dead,
    ),
    ActionRow(
        "doorstep_parked_events",
        "gauge",
        "Events that wait for a try of their own.",
        read=lambda a: _one(a.statistics.parked),
    ),
    ActionRow(
        "doorstep_attempts", "counter", "Requests, or writes of a sink.", read=lambda a: _one(a.statistics.attempts)
    ),
    ActionRow(
        "doorstep_retried_attempts",
        "counter",
        "Those of them that repeated an earlier one.",
        read=lambda a: _one(a.statistics.retried),
    ),
    ActionRow(
        "doorstep_failed_attempts",
        "counter",
        "Attempts that failed as a whole.",
        ("reason",),
        read=lambda a: _each(a.statistics.failed),
    ),
    ActionRow(
        "doorstep_resent_events",
        "counter",
        "Events in attempts that repeated an earlier one: the most that may have arrived twice.",
        read=lambda a: _one(a.measures.resent),
    ),
    ActionRow("doorstep_batch_events", "histogram", "Events an attempt.", read=lambda a: _one(a.measures.batch_events)),
    ActionRow(
        "doorstep_queue_seconds",
        "histogram",
        "From accepted to the beginning of an attempt.",
        read=lambda a: _one(a.measures.queue_s),
    ),
    ActionRow(
        "doorstep_attempt_seconds", "histogram", "How long an attempt took.", read=lambda a: _one(a.measures.attempt_s)
    ),
    ActionRow(
        "doorstep_receiver_counted_records",
        "counter",
        "What was in requests whose answer says how much of it was taken: events, contacts, or what the receiver calls a record.",
        read=lambda a: _one(a.measures.sent if a.measures.sent else None),
    ),
    ActionRow(
        "doorstep_receiver_taken_records",
        "counter",
        "How much of that it says it took.",
        read=lambda a: _one(a.measures.taken if a.measures.sent else None),
    ),
    ActionRow(
        "doorstep_action_events",
        "counter",
        "Events that an action is done with: `delivered`, `filtered` or `dead`. One that several actions want counts in each.",
        ("result",),
        read=lambda a: _each(a.statistics.done),
    ),
)
