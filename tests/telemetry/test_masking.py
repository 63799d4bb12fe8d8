"""Masking: known secrets by value, in whatever form they are written; unknown ones, because only what is harmless passes."""

from __future__ import annotations

import msgspec
import pytest
from doorstep.engine.secret import Secret, secrets_in
from doorstep.engine.telemetry.masking import Mask


class Deep(msgspec.Struct):
    url: str
    headers: dict[str, Secret]
    keys: list[Secret]
    other: Secret | None = None


def test_secrets_are_found_however_deep() -> None:
    settings = Deep("https://x", {"A": Secret("Bearer abc-123")}, [Secret("k/1+2")], Secret("last"))
    assert set(secrets_in((settings, None, {"more": Secret("again")}))) == {"Bearer abc-123", "k/1+2", "last", "again"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"token": "abc-123-xyz"}', '{"token": "***"}'),
        ("Bearer abc-123-xyz", "***"),
        ("key=k%2F1%2B2&x=1", "key=***&x=1"),
        ("k/1+2", "***"),
        ('{"s": "a\\"quoted\\"one"}', '{"s": "***"}'),
        ("nothing", "nothing"),
    ],
)
def test_a_secret_is_masked_in_every_form(text: str, shown: str) -> None:
    assert Mask(["Bearer abc-123-xyz", "k/1+2", 'a"quoted"one']).text(text) == shown


def test_secrets_of_earlier_settings_stay_masked() -> None:
    mask = Mask(["old-secret"])
    mask.learn(["new-secret"])
    assert mask.text("old-secret new-secret") == "*** ***"


def test_what_is_short_would_be_found_everywhere() -> None:
    assert Mask(["abc"]).text("abcdef") == "abcdef"


def test_headers_show_their_names_and_harmless_values_only() -> None:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer x", "X-Canary": "c", "webhook-id": "m-1"}
    assert Mask().headers(headers) == {
        "Content-Type": "application/json",
        "Authorization": "***",
        "X-Canary": "***",
        "webhook-id": "m-1",
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@example.com:8443/a/b?api_key=1&m=2#f", "https://example.com:8443/a/b?api_key=***&m=***"),
        ("https://example.com/T0/B0/hunter22", "https://example.com/T0/B0/***"),
        ("https://[broken", "***"),
    ],
)
def test_urls_are_shown_without_credentials(url: str, shown: str) -> None:
    assert Mask(["hunter22"]).url(url) == shown
