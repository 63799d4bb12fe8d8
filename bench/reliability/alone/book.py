"""What a journal has promised, when it did, and whether a folder keeps it. Pure.

Event `n` of the facts is the one with sequence number `n`. Sets of events are integers, bit `n` for event `n`: comparing two is
comparing two numbers, and fifty thousand folders are judged in no time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from ..facts import Facts


class Page(NamedTuple):
    """Where one destination stands: which events are settled, and where those are that were not delivered."""

    settled: int
    parked: int = 0
    dead: int = 0

    @property
    def is_sound(self) -> bool:
        """A parked event, or a dead letter, is settled, and is not both."""
        return not ((self.parked | self.dead) & ~self.settled or self.parked & self.dead)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds."""

    end: int
    held: int
    """Events that can be read, and are what they must be ..."""
    altered: int
    """... and that can be read, and are not."""
    named: int
    """Events of which it is said that they are missing."""
    pages: dict[str, Page]
    doubled: int = 0
    """Dead letters that are there twice."""
    lost: bool = False
    """Whether it says that acknowledged events are missing."""


class Problems(msgspec.Struct, kw_only=True):
    """What was promised and is not kept: numbers of events, or of destinations, and a few words about the first ones."""

    lost: int = 0
    altered: int = 0
    ahead: int = 0
    """Destinations that stand where they never stood, or where they had not come yet."""
    behind: int = 0
    """Destinations that stand before what was written down."""
    doubled: int = 0
    reused: int = 0
    """Numbers that would be given twice."""
    examples: list[str] = []

    def add(self, other: Problems) -> None:
        """Puts both together."""
        for name in ("lost", "altered", "ahead", "behind", "doubled", "reused"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.examples = [*self.examples, *other.examples][:20]

    @property
    def none(self) -> bool:
        """Whether all is well."""
        return not (self.lost or self.altered or self.ahead or self.behind or self.doubled or self.reused)

    @property
    def figures(self) -> dict[str, float]:
        """For a record."""
        names = ("lost", "altered", "ahead", "behind", "doubled", "reused")
        return {name: float(getattr(self, name)) for name in names}


class Book:
    """Of one journal. `place` says where in the record of the disk we are: 0 forever, if there is none."""

    def __init__(self, facts: Facts, place: Callable[[], int] = lambda: 0) -> None:
        self.facts = facts
        self._place = place
        self._lines: list[bytes] = []
        self._acked: tuple[list[int], list[int]] = ([], [])
        self._stories: dict[str, _Story] = {}

    # Promises ----------------------------------------------------------------------------------------------------

    def acked(self, first: int, count: int) -> None:
        """These were acknowledged, just now."""
        places, sets = self._acked
        places.append(self._place())
        sets.append((sets[-1] if sets else 0) | run(first, first + count))

    def began(self, name: str, page: Page, *, is_new: bool) -> None:
        """A destination is there. If it is not new, the file says that it is there, whatever it had come to before a crash."""
        if name not in self._stories:
            self._stories[name] = _Story(self._place(), page)
        else:
            self.decided(name, page)
        if not is_new:
            self.written(name, page)

    def decided(self, name: str, page: Page) -> None:
        """It came to this: about to be written."""
        assert page.is_sound
        self._stories[name].decided(self._place(), page)

    def written(self, name: str, page: Page) -> None:
        """That it came to this is durable: so it was said."""
        self._stories[name].written(self._place(), page)

    # Judging -----------------------------------------------------------------------------------------------------

    def event(self, number: int) -> bytes:
        """The event that must have that number."""
        while number >= len(self._lines):
            self._lines.append(self.facts.event(len(self._lines)))
        return self._lines[number]

    def acked_by(self, boundary: int | None = None) -> int:
        """The events acknowledged by then."""
        places, sets = self._acked
        count = _count(places, boundary)
        return sets[count - 1] if count else 0

    def has_been_at(self, name: str, page: Page) -> bool:
        """Whether a destination ever stood there, maybe with more rows than are left now; or it stands at the beginning."""
        return name in self._stories and (not page.settled or self._stories[name].has_been_at(page))

    def judge(self, found: Found, boundary: int | None = None) -> Problems:
        """Everything against what had been promised by `boundary` (None: by now). What every destination has settled may be gone."""
        acked = self.acked_by(boundary)
        problems = Problems(
            altered=found.altered.bit_count(), doubled=found.doubled, reused=max(0, acked.bit_length() - found.end)
        )
        needless = acked
        for name, story in self._stories.items():
            if story.has_begun(boundary):
                page = found.pages.get(name, story.first)
                needless &= page.settled
                self._judge_page(name, story, found, boundary, problems)
        lost = acked & ~found.held & ~needless
        problems.lost = lost.bit_count() + found.lost
        if problems.lost:
            problems.examples.append(f"lost {numbers(lost)}, and {'it says so' if found.lost else 'it says nothing'}")
        return problems

    def _judge_page(self, name: str, story: _Story, found: Found, boundary: int | None, problems: Problems) -> None:
        page = found.pages.get(name)
        candidates = story.candidates(boundary)
        if page is None:
            problems.behind += bool(self.acked_by(boundary) & ~story.first.settled)
        elif page not in candidates:
            problems.ahead += 1
            differences = [numbers(one ^ other) for one, other in zip(page, candidates[-1], strict=True)]
            problems.examples.append(f"{name} is not where it was: {differences} (settled, parked, dead)")


class _Story:
    """Of one destination: all that it came to, and from which moment on it may not be before that."""

    def __init__(self, place: int, first: Page) -> None:
        self.first = first
        self._places = [place]
        self._pages = [first]
        self._written: tuple[list[int], list[int]] = ([], [])

    def decided(self, place: int, page: Page) -> None:
        self._places.append(place)
        self._pages.append(page)

    def written(self, place: int, page: Page) -> None:
        places, indexes = self._written
        since = indexes[-1] if indexes else 0
        places.append(place)
        indexes.append(max(index for index in range(since, len(self._pages)) if self._pages[index] == page))

    def has_been_at(self, page: Page) -> bool:
        return any(
            page.settled == one.settled and not (page.parked & ~one.parked or page.dead & ~one.dead)
            for one in self._pages
        )

    def has_begun(self, boundary: int | None) -> bool:
        return _count(self._places, boundary) > 0

    def candidates(self, boundary: int | None) -> list[Page]:
        """What it may have come to by then."""
        places, indexes = self._written
        past = _count(places, boundary)
        return self._pages[indexes[past - 1] if past else 0 : _count(self._places, boundary)]


def _count(places: list[int], boundary: int | None) -> int:
    """How many of these moments are not after `boundary`."""
    return len(places) if boundary is None else bisect_right(places, boundary)


def run(first: int, end: int) -> int:
    """The set of `first` to `end - 1`."""
    return (1 << end) - (1 << first) if end > first else 0


def set_of(members: Iterable[int]) -> int:
    """The set of these."""
    found = 0
    for member in members:
        found |= 1 << member
    return found


def numbers(members: int) -> str:
    """A set, for people."""
    found = [n for n in range(members.bit_length()) if members >> n & 1]
    return f"{found[:6]}{f' and {len(found) - 6} more' if len(found) > 6 else ''}"
