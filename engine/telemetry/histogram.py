"""Latencies, counted in buckets that grow by a sixteenth: quantiles within 6 %, in a few hundred integers."""

from __future__ import annotations

from math import frexp

_STEPS = 16
"""Buckets per doubling."""


class Histogram:
    """Counts of positive values. `record` takes a weight, so that a batch costs one call."""

    __slots__ = ("_buckets", "count")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0

    def record(self, value: float, count: int = 1) -> None:
        """`count` things took `value` each. Zero and less count as the smallest there is."""
        mantissa, exponent = frexp(value) if value > 0 else (0.5, -64)
        bucket = exponent * _STEPS + int((mantissa - 0.5) * 2 * _STEPS)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + count
        self.count += count

    def quantile(self, share: float) -> float | None:
        """The upper bound of the bucket below which `share` of the values lie; None when nothing was recorded."""
        if not self.count:
            return None
        left = share * self.count
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                break
        exponent, step = divmod(bucket, _STEPS)
        return float((0.5 + (step + 1) / (2 * _STEPS)) * 2.0**exponent)

    def __repr__(self) -> str:
        return f"<Histogram of {self.count}, median {self.quantile(0.5)}>"
