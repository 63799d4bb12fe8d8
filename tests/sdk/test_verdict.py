"""The table of status codes, and Retry-After."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from doorstep.engine.sdk import (
    DELIVERED,
    Failure,
    Fault,
    Reported,
    Response,
    fault_of_status,
    reported,
    retry_after,
    verdict_by_status,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import characters, text

CONFIGURATION = [*range(300, 400), 401, 402, 403, 404, 405, 410, 426, 501, 505]
TRANSIENT = [408, 423, 425, 429, 500, 502, 503, 504, 506, 507, 508, 510, 511, 520, 599]
EVENT = [400, 406, 409, 411, 413, 414, 415, 418, 422, 431, 451]


@pytest.mark.parametrize(
    ("statuses", "fault"),
    [
        (range(200, 300), None),
        (CONFIGURATION, Fault.CONFIGURATION),
        (TRANSIENT, Fault.TRANSIENT),
        (EVENT, Fault.EVENT),
    ],
)
def test_whose_fault_a_status_is(statuses: list[int], fault: Fault | None) -> None:
    assert {fault_of_status(status) for status in statuses} == {fault}


def test_success_is_delivered_and_failure_brings_an_excerpt() -> None:
    assert verdict_by_status(Response(204)) is DELIVERED
    failure = verdict_by_status(Response(500, {}, b"x" * 600 + b"\xff"))
    assert failure == Failure(Fault.TRANSIENT, "http_500", status=500, detail="x" * 512)


def test_what_was_taken_is_reported_with_the_verdict() -> None:
    assert reported(DELIVERED, 3, 2) == Reported(DELIVERED, 3, 2)


@pytest.mark.parametrize("taken", [None, 4, -1, 2.0, "2", True, [2]])
def test_a_count_that_cannot_be_is_none(taken: object) -> None:
    assert reported(DELIVERED, 3, taken) is DELIVERED


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": " 120 "}, 120.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Wed, 01 Jan 2025 00:01:00 GMT"}, 60.0),
        ({"retry-after": "Wed, 01 Jan 2025 00:01:00 GMT", "date": "Wed, 01 Jan 2025 00:00:50 GMT"}, 10.0),
        ({"retry-after": "Wed, 01 Jan 2025 00:01:00 GMT", "date": "nonsense"}, 60.0),
        ({"retry-after": "Tue, 31 Dec 2024 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Wed, 01 Jan 2025 00:01:00 +99999999999999"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=datetime(2025, 1, 1, tzinfo=UTC)) == seconds


@given(text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ (GMT|[+-]\d+)", alphabet=characters))
def test_no_retry_after_makes_it_raise(text: str) -> None:
    seconds = retry_after({"retry-after": text, "date": text}, now=datetime(2025, 1, 1, tzinfo=UTC))
    assert seconds is None or seconds >= 0
