"""A report as Prometheus reads it. The table of metrics is the spec: the page in `docs/` is written from it.

Report -> collector (made for one scrape) -> prometheus-client -> text

Names of labels are few and their values bounded: destinations, and codes of reasons. Nothing of an event is ever in one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from .histogram import Distribution
from .observation import Observation
from .report import JournalState, Report

Labels: TypeAlias = tuple[str, ...]
Value: TypeAlias = "float | Distribution | None"
Sample: TypeAlias = tuple[Labels, Value]
"""The values of the metric's own labels, after those of the destination. A value of None is left out."""

STATES = ("closed", "open", "half_open", "held", "crashed", "paused")
ACTION = ""
"""Until there are actions."""


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
    """A metric of each destination: its labels come after `destination` and `action`."""

    read: Callable[[Observation], Iterable[Sample]] = lambda one: ()


def _one(value: Value) -> list[Sample]:
    return [((), value)]


def _of_journal(read: Callable[[JournalState], float | None]) -> Callable[[Report], list[Sample]]:
    return lambda report: _one(read(report.journal)) if report.journal else []


def _each(counts: Mapping[str, int]) -> list[Sample]:
    return [((reason,), count) for reason, count in counts.items()]


def _dead(one: Observation) -> list[Sample]:
    return [
        ((fault, reason), count) for fault, reasons in one.dead_classes.items() for reason, count in reasons.items()
    ]


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
    EngineRow(
        "doorstep_journal_bytes",
        "gauge",
        "What the journal holds.",
        read=_of_journal(lambda j: j.used_bytes),
    ),
    EngineRow(
        "doorstep_journal_max_bytes",
        "gauge",
        "The most that it may hold.",
        read=_of_journal(lambda j: j.max_bytes),
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
    EngineRow(
        "doorstep_journal_commits",
        "counter",
        "Transactions written.",
        read=_of_journal(lambda j: j.commits),
    ),
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
        "doorstep_delivered_events",
        "counter",
        "Events that the receiver has.",
        read=lambda d: _one(d.statistics.delivered),
    ),
    DestinationRow(
        "doorstep_filtered_events",
        "counter",
        "Events that are not for it.",
        ("reason",),
        read=lambda d: _each(d.statistics.filtered),
    ),
    DestinationRow(
        "doorstep_dead_letter_events",
        "counter",
        "Events given up, by whose fault it was.",
        ("class", "reason"),
        read=_dead,
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
        "doorstep_parked_events",
        "gauge",
        "Events that wait for a try of their own.",
        read=lambda d: _one(d.statistics.parked),
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
        "doorstep_attempts", "counter", "Requests, or writes of a sink.", read=lambda d: _one(d.statistics.attempts)
    ),
    DestinationRow(
        "doorstep_retried_attempts",
        "counter",
        "Those of them that repeated an earlier one.",
        read=lambda d: _one(d.statistics.retried),
    ),
    DestinationRow(
        "doorstep_failed_attempts",
        "counter",
        "Attempts that failed as a whole.",
        ("reason",),
        read=lambda d: _each(d.statistics.failed),
    ),
    DestinationRow(
        "doorstep_resent_events",
        "counter",
        "Events in attempts that repeated an earlier one: the most that may have arrived twice.",
        read=lambda d: _one(d.attempts.resent),
    ),
    DestinationRow(
        "doorstep_batch_events", "histogram", "Events an attempt.", read=lambda d: _one(d.attempts.batch_events)
    ),
    DestinationRow(
        "doorstep_queue_seconds",
        "histogram",
        "From accepted to the beginning of an attempt.",
        read=lambda d: _one(d.attempts.queue_s),
    ),
    DestinationRow(
        "doorstep_attempt_seconds", "histogram", "How long an attempt took.", read=lambda d: _one(d.attempts.attempt_s)
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
_OF_EACH = ("destination", "action")


def exposition(report: Report, accept: str = "") -> tuple[bytes, str]:
    """The text, and its content type, in the form that `accept` (the header) prefers."""
    registry = CollectorRegistry()
    registry.register(_Scrape(report))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def documentation() -> str:
    """The tables of `docs/metrics.md`, which a test compares with it."""
    parts = [("Of the engine", ENGINE, ()), ("Of each destination", DESTINATION, _OF_EACH)]
    return "\n\n".join(f"## {title}\n\n{_table(rows, labels)}" for title, rows, labels in parts)


def _table(rows: Sequence[Row], labels: Labels) -> str:
    lines = ["| metric | kind | labels | what |", "|---|---|---|---|"]
    for row in rows:
        names = ", ".join(f"`{name}`" for name in (*labels, *row.labels))
        lines.append(f"| `{row.full_name}` | {row.kind} | {names} | {row.help} |")
    return "\n".join(lines)


class _Scrape(Collector):
    def __init__(self, report: Report) -> None:
        self._report = report

    def describe(self) -> Iterable[Metric]:
        return []  # else it would be collected once more, to see its names

    def collect(self) -> Iterator[Metric]:
        for row in ENGINE:
            yield _family(row, row.labels, row.read(self._report))
        for one in DESTINATION:
            samples = [
                ((name, ACTION, *labels), value)
                for name, observation in self._report.destinations.items()
                for labels, value in one.read(observation)
            ]
            yield _family(one, (*_OF_EACH, *one.labels), samples)


def _family(row: Row, names: Labels, samples: Iterable[Sample]) -> Metric:
    kept = [(labels, value) for labels, value in samples if value is not None]
    if row.kind == "histogram":
        histogram = HistogramMetricFamily(row.name, row.help, labels=names)
        for labels, value in kept:
            if isinstance(value, Distribution) and value.count:
                histogram.add_metric(labels, _buckets(value), value.sum)
        return histogram
    kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}
    family: CounterMetricFamily | GaugeMetricFamily = kinds[row.kind](row.name, row.help, labels=names)
    for labels, value in kept:
        if not isinstance(value, Distribution):
            family.add_metric(labels, value)
    return family


def _buckets(value: Distribution) -> list[tuple[str, float]]:
    return [*((f"{bound:g}", float(count)) for bound, count in value.buckets), ("+Inf", float(value.count))]
