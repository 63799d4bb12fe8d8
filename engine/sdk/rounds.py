"""Batches for vendors that refuse a request, or miscount, if it has the same thing in it twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from .actions import Item


def rounds(items: Sequence[Item], keys: Callable[[Item], Sequence[Hashable]]) -> list[list[Item]]:
    """The items in as few rounds as it takes for no key to be twice in one; of two with one key, the later is in a later one."""
    seen: Counter[Hashable] = Counter()
    made: list[list[Item]] = []
    for item in items:
        place = max((seen[key] for key in keys(item)), default=0)
        made += [[]] if place == len(made) else []
        made[place].append(item)
        seen.update({key: place + 1 - seen[key] for key in keys(item)})
    return made
