"""The little arithmetic that results are made with. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of `ordered` (ascending) that at least `share` of them do not exceed (nearest rank); 0 of nothing."""
    if not ordered:
        return 0.0
    return float(ordered[max(0, math.ceil(share * len(ordered)) - 1)])
