"""The mailbox: only the chunk that comes next, within its bounds, one chunk always."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from doorstep.engine.delivery.mailbox import Mailbox, MailboxStatistics
from doorstep.engine.errors import WouldBlock
from doorstep.engine.model import Chunk, Envelope, Event, Receipt
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

RECEIPT = Receipt("test", 0.0, 0.0)


def chunk(first: int, events: int, size_bytes: int) -> Chunk:
    envelopes: Sequence[Envelope] = [Envelope(first + i, b"{}", Event("track"), RECEIPT) for i in range(events)]
    return Chunk(first, envelopes, size_bytes)


def test_chunks_come_out_in_the_order_they_came_in() -> None:
    mailbox = Mailbox(1, 100, 100)
    mailbox.offer_nowait(chunk(1, 3, 10))
    mailbox.offer_nowait(chunk(4, 2, 10))
    assert repr(mailbox) == "<Mailbox 5 events, 20 of 100 bytes, next 6>"
    assert [mailbox.take_nowait().first, mailbox.take_nowait().first] == [1, 4]
    assert mailbox.statistics() == MailboxStatistics(chunks=0, events=0, size_bytes=0, next=6)


def test_other_limits_hold_for_what_comes_next_and_what_is_in_it_stays() -> None:
    mailbox = Mailbox(1, 100, 100)
    mailbox.offer_nowait(chunk(1, 3, 50))
    mailbox.resize(60, 4)
    with pytest.raises(WouldBlock):
        mailbox.offer_nowait(chunk(4, 1, 11))
    with pytest.raises(WouldBlock):
        mailbox.offer_nowait(chunk(4, 2, 10))
    mailbox.offer_nowait(chunk(4, 1, 10))
    assert repr(mailbox) == "<Mailbox 4 events, 60 of 60 bytes, next 5>"


def test_an_empty_mailbox_takes_nothing_out() -> None:
    with pytest.raises(WouldBlock):
        Mailbox(1, 100, 100).take_nowait()


@pytest.mark.parametrize("first", [1, 3, 5])
def test_a_chunk_that_does_not_come_next_is_refused_and_changes_nothing(first: int) -> None:
    mailbox = Mailbox(1, 100, 100)
    mailbox.offer_nowait(chunk(1, 3, 10))
    with pytest.raises(WouldBlock):
        mailbox.offer_nowait(chunk(first, 1, 1))
    with pytest.raises(WouldBlock):
        mailbox.skip(chunk(first, 1, 1))
    assert mailbox.statistics() == MailboxStatistics(chunks=1, events=3, size_bytes=10, next=4)


def test_a_full_mailbox_is_behind_until_it_has_fetched_what_it_missed() -> None:
    mailbox = Mailbox(1, 20, 100)
    missed = chunk(3, 2, 15)
    mailbox.offer_nowait(chunk(1, 2, 15))
    with pytest.raises(WouldBlock):
        mailbox.offer_nowait(missed)
    mailbox.take_nowait()
    with pytest.raises(WouldBlock):
        mailbox.offer_nowait(chunk(5, 2, 15))
    mailbox.skip(missed)
    mailbox.offer_nowait(chunk(5, 2, 15))
    assert mailbox.take_nowait().first == 5


def test_all_that_is_in_it_can_be_taken_at_once() -> None:
    mailbox = Mailbox(1, 100, 100)
    mailbox.offer_nowait(chunk(1, 3, 10))
    mailbox.offer_nowait(chunk(4, 2, 10))
    assert [envelope.number for envelope in mailbox.take_all()] == [1, 2, 3, 4, 5]
    assert mailbox.statistics() == MailboxStatistics(chunks=0, events=0, size_bytes=0, next=6)


class MailboxMachine(RuleBasedStateMachine):
    """Beside a list of chunks."""

    def __init__(self) -> None:
        super().__init__()
        self.mailbox = Mailbox(1, 100, 20)
        self.model: list[Chunk] = []
        self.next = 1

    @rule(distance=st.sampled_from([0, 0, 0, 0, -1, 1, 7]), events=st.integers(1, 30), size=st.integers(1, 150))
    def offer(self, distance: int, events: int, size: int) -> None:
        offered = chunk(self.next + distance, events, size)
        fits = not self.model or (
            sum(held.size_bytes for held in self.model) + size <= 100
            and sum(len(held.envelopes) for held in self.model) + events <= 20
        )
        if distance == 0 and fits:
            self.mailbox.offer_nowait(offered)
            self.model.append(offered)
            self.next += events
        else:
            with pytest.raises(WouldBlock):
                self.mailbox.offer_nowait(offered)

    @rule(events=st.integers(1, 30))
    def skip(self, events: int) -> None:
        self.mailbox.skip(chunk(self.next, events, 1))
        self.next += events

    @rule()
    def take(self) -> None:
        if self.model:
            assert self.mailbox.take_nowait() is self.model.pop(0)
        else:
            with pytest.raises(WouldBlock):
                self.mailbox.take_nowait()

    @invariant()
    def counts(self) -> None:
        events = sum(len(held.envelopes) for held in self.model)
        size = sum(held.size_bytes for held in self.model)
        assert self.mailbox.statistics() == MailboxStatistics(len(self.model), events, size, self.next)
        assert len(self.mailbox) == events
        assert len(self.model) <= 1 or (size <= 100 and events <= 20)


TestMailboxMachine = MailboxMachine.TestCase
TestMailboxMachine.settings = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
