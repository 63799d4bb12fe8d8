"""A count over a sliding window, in constant memory: a ring of counters instead of an entry per event."""

from __future__ import annotations


class RecentCount:
    """How many in the last `window_s` seconds, in steps of a `buckets`-th of it: it covers the window less at most one step."""

    def __init__(self, window_s: float, buckets: int) -> None:
        self._per_second = buckets / window_s
        self._counts = [0] * buckets
        self._bucket = 0

    def add(self, number: int, now: float) -> None:
        """Counts `number` more."""
        bucket = int(now * self._per_second)
        if bucket > self._bucket:
            self._advance(bucket)
        self._counts[self._bucket % len(self._counts)] += number

    def total(self, now: float, within_s: float | None = None) -> int:
        """What was counted in the window that ends now, or in the last `within_s` of it."""
        self.add(0, now)
        if within_s is None:
            return sum(self._counts)
        steps = round(within_s * self._per_second)
        return sum(self._counts[(self._bucket - back) % len(self._counts)] for back in range(steps))

    def clear(self) -> None:
        """Forgets what was counted."""
        self._counts = [0] * len(self._counts)

    def _advance(self, bucket: int) -> None:
        for passed in range(max(self._bucket, bucket - len(self._counts)) + 1, bucket + 1):
            self._counts[passed % len(self._counts)] = 0
        self._bucket = bucket
