"""What is looked at once an attempt, and the delivery log that it leaves."""

from __future__ import annotations

import gzip

import pytest
from doorstep.engine.errors import Fault
from doorstep.engine.model import Batch, Envelope, Event, Receipt, Request, Response
from doorstep.engine.model.outcome import DELIVERED, Failure, Filtered, Rejected, Retry
from doorstep.engine.telemetry import Attempts, Deliveries
from doorstep.engine.telemetry.deliveries import EXCERPT_BYTES, KEPT, KEPT_FAILED

UTC = 1767225600.0  # 2026-01-01T00:00:00Z


def a_batch(events: int = 1, *, first: int = 1, timestamp: str | None = "2025-12-31T23:59:50Z") -> Batch:
    receipt = Receipt("shop", UTC - 5.0, 100.0)
    return Batch(
        [
            Envelope(n, b"{}", Event(type="track", messageId=f"m-{n}", timestamp=timestamp), receipt)
            for n in range(first, first + events)
        ]
    )


@pytest.fixture
def deliveries() -> Deliveries:
    return Deliveries()


@pytest.fixture
def attempts(deliveries: Deliveries) -> Attempts:
    return Attempts("hook", deliveries)


def end(attempts: Attempts, batch: Batch, verdict: object, **changes: object) -> None:
    attempts.ended(batch, verdict, **{"began": 101.0, "now": 101.5, "utc": UTC, "tries": 1, **changes})  # type: ignore[arg-type]


def test_an_attempt_is_measured_once_however_many_events_it_has(attempts: Attempts) -> None:
    end(attempts, a_batch(500), DELIVERED)
    seen = attempts.statistics(101.5)
    assert (seen.per_second, seen.lately_good, seen.lately_bad, seen.lately_attempts) == (50.0, 500, 0, 1)
    assert (seen.measures.batch_events.count, seen.measures.batch_events.sum) == (1, 500.0)
    assert (seen.measures.queue_s.count, seen.measures.queue_s.sum) == (500, 500.0)
    assert (seen.measures.attempt_s.count, seen.measures.attempt_s.sum) == (1, 0.5)
    assert (seen.to_received_s.count, seen.to_received_s.sum) == (1, 5.0)
    assert (seen.to_delivered_s.count, seen.to_delivered_s.sum) == (1, 10.0)
    assert seen.newest_at == UTC - 10.0


@pytest.mark.parametrize("timestamp", [None, "", "yesterday", "99999-01-01"])
def test_an_event_that_says_no_time_has_none(attempts: Attempts, timestamp: str | None) -> None:
    end(attempts, a_batch(timestamp=timestamp), DELIVERED)
    seen = attempts.statistics(101.5)
    assert (seen.to_delivered_s.count, seen.newest_at) == (0, None)


def test_a_time_to_come_makes_nothing_fresher_than_now(attempts: Attempts) -> None:
    end(attempts, a_batch(timestamp="2036-01-01T00:00:00Z"), DELIVERED)
    assert attempts.statistics(101.5).newest_at == UTC


@pytest.mark.parametrize(
    ("events", "verdict", "good", "bad"),
    [
        (10, DELIVERED, 10, 0),
        (10, Failure(Fault.TRANSIENT, "http_503", status=503), 0, 10),
        (10, Failure(Fault.CONFIGURATION, "http_401", status=401), 0, 10),
        (10, Failure(Fault.EVENT, "http_400", status=400), 0, 0),
        (1, Failure(Fault.EVENT, "http_400", status=400), 0, 1),
        (4, [DELIVERED, Rejected("bad"), Retry("later"), Filtered("not_here")], 1, 2),
    ],
)
def test_what_speaks_for_and_against_a_destination(
    attempts: Attempts, events: int, verdict: object, good: int, bad: int
) -> None:
    end(attempts, a_batch(events), verdict)
    seen = attempts.statistics(101.5)
    assert (seen.lately_good, seen.lately_bad, seen.lately_attempts) == (good, bad, 1)
    assert seen.success == (None if good + bad == 0 else good / (good + bad))


def test_lately_is_a_minute_and_a_rate_is_over_ten_seconds(attempts: Attempts) -> None:
    end(attempts, a_batch(100), DELIVERED)
    assert attempts.statistics(112.0).per_second == 0.0
    assert attempts.statistics(150.0).lately_good == 100
    assert attempts.statistics(162.0).lately_good == 0


def test_what_is_sent_again_is_counted(attempts: Attempts) -> None:
    end(attempts, a_batch(3), DELIVERED)
    end(attempts, a_batch(3), DELIVERED, again=True)
    assert attempts.statistics(101.5).measures.resent == 3


def test_attempts_of_different_actions_are_measured_apart_and_make_up_the_whole(attempts: Attempts) -> None:
    end(attempts, Batch(a_batch(500).envelopes, "order"), DELIVERED)
    end(attempts, Batch(a_batch(20).envelopes, "order"), DELIVERED, again=True)
    end(attempts, Batch(a_batch(1).envelopes, "identify"), DELIVERED)
    seen = attempts.statistics(101.5)
    sizes = {name: (one.batch_events.count, one.batch_events.sum) for name, one in seen.actions.items()}
    assert sizes == {"order": (2, 520.0), "identify": (1, 1.0)}
    assert {name: one.resent for name, one in seen.actions.items()} == {"order": 20, "identify": 0}
    whole = seen.measures
    assert (whole.batch_events.count, whole.batch_events.sum, whole.batch_events.p50) == (3, 521.0, 21.0)
    assert (whole.queue_s.count, whole.attempt_s.count, whole.resent) == (521, 3, 20)


def test_actions_are_bounded(attempts: Attempts) -> None:
    for number in range(300):
        end(attempts, Batch(a_batch().envelopes, f"action-{number}"), DELIVERED)
    seen = attempts.statistics(101.5)
    assert len(seen.actions) == 101
    assert seen.actions["other"].attempt_s.count == 200


def test_an_attempt_that_sent_nothing_measures_nothing_and_is_in_the_log(
    attempts: Attempts, deliveries: Deliveries
) -> None:
    end(attempts, a_batch(), Failure(Fault.EVENT, "encoding_error", sent=False))
    assert attempts.statistics(101.5).measures.attempt_s.count == 0
    [told] = deliveries.recent()
    assert (told.result, told.reason, told.request) == ("failed", "encoding_error", None)


def test_the_log_has_what_was_sent_and_what_came_back_without_secrets(
    attempts: Attempts, deliveries: Deliveries
) -> None:
    batch = a_batch(2)
    attempts.mask.learn(["s3cret-key"])
    body = b'{"api_key": "s3cret-key", "n": 1}'
    headers = {"Authorization": "Bearer s3cret-key", "Content-Encoding": "gzip"}
    exchange = attempts.sent(
        batch, Request("POST", "https://example.com/in?key=s3cret-key", headers, gzip.compress(body))
    )
    exchange.answered(Response(400, {"server": "x", "set-cookie": "y"}, b"bad s3cret-key"))
    end(attempts, batch, Failure(Fault.EVENT, "http_400", status=400), tries=2)
    [told] = deliveries.recent()
    assert (told.destination, told.first, told.message_id, told.events, told.tries) == ("hook", 1, "m-1", 2, 2)
    assert (told.result, told.reason, told.status, told.took_ms, told.at) == (
        "failed",
        "http_400",
        400,
        500.0,
        UTC - 0.5,
    )
    assert told.request is not None
    assert told.response is not None
    assert told.request.url == "https://example.com/in?key=***"
    assert told.request.headers == {"Authorization": "***", "Content-Encoding": "gzip"}
    assert told.request.body == '{"api_key": "***", "n": 1}'
    assert (told.response.status, told.response.headers) == (400, {"server": "x", "set-cookie": "***"})
    assert told.response.body == "bad ***"
    assert "s3cret" not in repr(told)


def test_a_token_that_a_receiver_repeats_is_masked_though_it_is_in_no_settings(
    attempts: Attempts, deliveries: Deliveries
) -> None:
    batch = a_batch()
    exchange = attempts.sent(
        batch, Request("POST", "https://example.com/", {"Authorization": "Bearer tok-0123456789abcdef"})
    )
    exchange.answered(Response(401, {}, b'{"bad": "tok-0123456789abcdef"}'))
    end(attempts, batch, Failure(Fault.CONFIGURATION, "http_401", status=401))
    [told] = deliveries.recent()
    assert told.response is not None
    assert told.response.body == '{"bad": "***"}'


def test_what_was_sent_is_found_though_the_first_event_came_to_its_end_before(
    attempts: Attempts, deliveries: Deliveries
) -> None:
    batch = a_batch(3)
    attempts.sent(batch.take([1, 2]), Request("POST", "https://example.com/", {}, b"two"))
    end(attempts, batch, [Filtered("consent"), DELIVERED, DELIVERED])
    [told] = deliveries.recent()
    assert told.request is not None
    assert (told.request.body, told.result, told.delivered) == ("two", "delivered", 2)


def test_of_a_large_body_only_the_beginning_is_held(attempts: Attempts, deliveries: Deliveries) -> None:
    batch = a_batch()
    attempts.sent(batch, Request("POST", "https://example.com/", {}, b"x" * 2**20))
    end(attempts, batch, DELIVERED)
    [told] = deliveries.recent()
    assert told.request is not None
    assert (told.request.body, told.request.size_bytes) == ("x" * EXCERPT_BYTES + "...", 2**20)


def test_failed_attempts_stay_when_others_push_the_rest_out(attempts: Attempts, deliveries: Deliveries) -> None:
    for number in range(1, 101):
        failed = Failure(Fault.TRANSIENT, "reset")
        end(attempts, a_batch(first=number), failed if number <= 3 else DELIVERED)
    assert [told.first for told in deliveries.recent(limit=500)] == [*range(100, 100 - KEPT, -1), 3, 2, 1]
    assert [told.first for told in deliveries.recent(failed=True)] == [3, 2, 1]
    found = deliveries.last_failed("hook")
    assert found is not None
    assert found.first == 3


def test_the_log_is_bounded(attempts: Attempts, deliveries: Deliveries) -> None:
    for number in range(1, 201):
        end(attempts, a_batch(first=number), Failure(Fault.TRANSIENT, "reset"))
    assert len(deliveries.recent(limit=500)) == KEPT + KEPT_FAILED


def test_attempts_that_are_lost_leave_nothing_behind(attempts: Attempts) -> None:
    batch = a_batch()
    attempts.sent(batch, Request("POST", "https://example.com/"))
    attempts.lost(batch)
    assert repr(attempts) == "<Attempts of hook: 0 ended, 0 under way>"
