"""The secrets that are configured, as a mask for whatever leaves by TCP: the last net, below all that each answer masks by itself."""

from __future__ import annotations

from collections.abc import Sequence

from ..telemetry.masking import Mask
from .bench import Bench

SHORTEST = 8
"""A shorter one would be found in names and words that are none; where it is used it is masked all the same."""


class Knowing:
    """Of one engine. The mask is made anew only when there are other secrets."""

    def __init__(self, bench: Bench | None) -> None:
        self._bench = bench
        self._known: Sequence[str] = ()
        self._mask = Mask()

    def mask(self) -> Mask:
        """That of this moment; earlier secrets stay known."""
        secrets = self._bench.secrets() if self._bench else ()
        if secrets != self._known:
            self._known = secrets
            self._mask.learn(secret for secret in secrets if len(secret) >= SHORTEST)
        return self._mask
