"""Masking: known secrets by value, in whatever form they are written; unknown ones, because only what is harmless passes."""

from __future__ import annotations

from base64 import b64encode

import msgspec
import pytest
from doorstep.engine.secret import Secret, secrets_in
from doorstep.engine.telemetry.masking import Mask, secrets_of


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


def of(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        (Secret("http://proxy:3128"), set()),
        (Secret("http://ada-lovelace:p%40ss@proxy:3128"), {"ada-lovelace", "p@ss", of("ada-lovelace:p@ss")}),
        (Secret("http://ada:p%40ss@proxy:3128"), {"p@ss", of("ada:p@ss")}),
        (Secret("https://x/T0/B0/0123456789abcdef?sig=a1b2c3d4&v=1"), {"0123456789abcdef", "a1b2c3d4"}),
        (Secret("not://[a url"), set()),
        ("http://ada-lovelace:p%40ss@host/0123456789abcdef", {"p@ss", of("ada-lovelace:p@ss")}),
        ("http://k3y-of-ada:@host/", {"k3y-of-ada", of("k3y-of-ada:")}),
        ("http://k3y-of-ada@host/", {"k3y-of-ada", of("k3y-of-ada:")}),
        ("http://ada@host/", {of("ada:")}),
        ("http://host/?sig=a%2Bb+c3d4e5", {"a+b c3d4e5", "a%2Bb+c3d4e5"}),
    ],
)
def test_what_a_url_carries_is_known_by_itself(setting: Secret | str, found: set[str]) -> None:
    whole = {setting.reveal()} if isinstance(setting, Secret) else set()
    assert set(secrets_of({"url": setting})) == whole | found
