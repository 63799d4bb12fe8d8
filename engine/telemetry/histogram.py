"""Latencies, counted in buckets that grow by a sixteenth: quantiles within 6 %, in a few hundred integers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import frexp

import msgspec

_STEPS = 16
"""Buckets per doubling."""


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen copy of a histogram, as coarse as its reader wants it."""

    count: int = 0
    sum: float = 0.0
    p50: float | None = None
    p99: float | None = None
    buckets: tuple[tuple[float, int], ...] = ()
    """Upper bounds, ascending, each with how many values are at most that (within 6 %)."""


class Histogram:
    """Counts of positive values. `record` takes a weight, so that a batch costs one call."""

    __slots__ = ("_buckets", "count", "sum")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.sum = 0.0

    def record(self, value: float, count: int = 1) -> None:
        """`count` things took `value` each. Zero and less count as the smallest there is."""
        mantissa, exponent = frexp(value) if value > 0 else (0.5, -64)
        bucket = exponent * _STEPS + int(mantissa * (2 * _STEPS)) - _STEPS
        try:
            self._buckets[bucket] += count
        except KeyError:
            self._buckets[bucket] = count
        self.count += count
        self.sum += value * count

    def add(self, other: Histogram) -> None:
        """What `other` counted, too."""
        for bucket, count in other._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count
        self.count += other.count
        self.sum += other.sum

    def quantile(self, share: float) -> float | None:
        """The upper bound of the bucket below which `share` of the values lie; None when nothing was recorded."""
        if not self.count:
            return None
        left = share * self.count
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                break
        return _upper(bucket)

    def distribution(self, bounds: Sequence[float] = ()) -> Distribution:
        """A copy, with how many values are at most each of `bounds`, which ascend."""
        counts = [0] * len(bounds)
        for bucket, count in self._buckets.items():
            place = bisect_left(bounds, _upper(bucket - 1))  # by its lower end: sizes that are a bound are at most that
            if place < len(bounds):
                counts[place] += count
        return Distribution(
            count=self.count,
            sum=self.sum,
            p50=self.quantile(0.5),
            p99=self.quantile(0.99),
            buckets=tuple(zip(bounds, accumulate(counts), strict=True)),
        )

    def __repr__(self) -> str:
        return f"<Histogram of {self.count}, median {self.quantile(0.5)}>"


def _upper(bucket: int) -> float:
    exponent, step = divmod(bucket, _STEPS)
    return float((0.5 + (step + 1) / (2 * _STEPS)) * 2.0**exponent)
