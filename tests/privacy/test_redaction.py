"""Redaction: what is masked, what stays readable, and that it holds for any text."""

from __future__ import annotations

import pytest
from doorstep.engine.privacy import redacted
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import characters, text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("invalid e-mail jane.doe@example.com", "invalid e-mail ***"),
        ('{"email":"Jane.Doe+x@Example.com","code":7}', '{"email":"***","code":7}'),
        ("to <jane@example.com>, bad", "to <***>, bad"),
        ("GET /contacts/jane%40example.com?x=1 404", "GET *** 404"),
        ("cut off at jane@", "cut off at ***"),
        ("phone +1 (555) 123-4567 is taken", "phone *** is taken"),
        ("phone (555) 123-4567", "phone ***"),
        ('"phone":15551234567', '"phone":***'),
        ("user born 1997-12-26", "user born ***"),
        ("from 203.0.113.9", "from ***"),
        ("from 1.2.3.4:443", "from ***:443"),
        ("from 2001:db8::1", "from ***"),
        ("from ::1", "from ***"),
        ("Authorization: Bearer abc123def456", "Authorization: ***"),
        ("got bearer abc123def456", "got bearer ***"),
        ("https://x.example/in?access_token=EAAB&v=2", "https://x.example/in?access_token=***&v=2"),
        ('{"api_key": "k3y-9"}', '{"api_key": "***"}'),
        ("secret=hush, next", "secret=***, next"),
        ("key sk_live_4eC39HqLyjWDarjtT1zdp7dc", "key ***"),
        ("xoxb-123456789012-abcdef", "***"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_d", "jwt ***"),
        ("em 86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d", "em ***"),
        ('{"first_name":"Jane","event_name":"Purchase"}', '{"first_name":"***","event_name":"Purchase"}'),
        ('{"name": "Jane Doe", "street": "1 Way"}', '{"name": "***", "street": "***"}'),
    ],
)
def test_what_is_personal_or_secret_is_masked(text: str, expected: str) -> None:
    assert redacted(text) == expected
    assert redacted(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Invalid parameter (code 100, subcode 2804003)",
        "token: expired",
        "basic authentication required",
        "Unknown key: properties.order_id",
        '{"code":400,"error":"missing required field event_name","num_records_imported":0}',
        "event_time 2026-11-23T09:00:00.000Z is too old",
        "request 0b9e2c1a-7d1f-4c55-8e0b-2d8a6b0f1c11 failed",
        "missing_field: events[3].user_id",
        "HTTP 413: 10485760 bytes, at most 1000000",
        "at 12:30:45 UTC",
    ],
)
def test_what_helps_to_find_the_trouble_stays(text: str) -> None:
    assert redacted(text) == text


def test_it_is_masked_first_and_shortened_then() -> None:
    assert redacted("ask jane.doe@example.com", most_characters=10) == "ask ***"
    assert len(redacted("word " * 1000)) == 500


ADDRESSES = st.from_regex(r"[A-Za-z0-9._%+-]{1,20}@[a-z0-9-]{1,10}\.[a-z]{2,4}", fullmatch=True, alphabet=characters)


@given(text(max_size=30), ADDRESSES, text(max_size=30))
def test_no_address_is_left(before: str, address: str, after: str) -> None:
    local, _, _ = address.rpartition("@")
    shown = redacted(f"word word {address} {after}")
    assert f"{local}@" not in shown
    assert isinstance(redacted(before + after), str)


@given(st.ip_addresses(v=4).map(str))
def test_no_ip_address_is_left(address: str) -> None:
    assert redacted(f"from {address}, port 80") == "from ***, port 80"
