"""A report as Prometheus reads it.

Report -> collector (made for one scrape, by the table of `metrics`) -> prometheus-client -> text
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from .histogram import Distribution
from .metrics import ACTION, DESTINATION, ENGINE, Labels, Row, Sample
from .report import Report

_OF_DESTINATION = ("destination",)
_OF_ACTION = ("destination", "action")


def exposition(report: Report, accept: str = "") -> tuple[bytes, str]:
    """The text, and its content type, in the form that `accept` (the header) prefers."""
    registry = CollectorRegistry()
    registry.register(_Scrape(report))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def documentation() -> str:
    """The tables of `docs/metrics.md`, which a test compares with it."""
    parts: list[tuple[str, Sequence[Row], Labels]] = [
        ("Of the engine", ENGINE, ()),
        ("Of each destination", DESTINATION, _OF_DESTINATION),
        ("Of each action of a destination", ACTION, _OF_ACTION),
    ]
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
        destinations = self._report.destinations
        for of_one in DESTINATION:
            samples = [
                ((name, *labels), value)
                for name, observation in destinations.items()
                for labels, value in of_one.read(observation)
            ]
            yield _family(of_one, (*_OF_DESTINATION, *of_one.labels), samples)
        actions = {(name, action): seen for name, one in destinations.items() for action, seen in one.actions.items()}
        for of_action in ACTION:
            samples = [
                ((*whose, *labels), value) for whose, seen in actions.items() for labels, value in of_action.read(seen)
            ]
            yield _family(of_action, (*_OF_ACTION, *of_action.labels), samples)


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
