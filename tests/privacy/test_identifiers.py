"""Normalising and hashing: the vendors' vectors, the table of rules cell by cell, and what is no identifier."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from doorstep.engine.privacy import ALGORITHMS, KINDS, digest, first_usable, hashed, is_hashed, normalise
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import text

JANE = "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d"
JANE_OF_GMAIL = "831f6494ad6be4fcb3a724c3d5fef22d3ceffa3c62ef3a7984e45a0ea177f982"
JANE_WITHOUT_DOT = "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69"
DIGITS = "d6736136ea896c1bfdc553e0e86e702c70d060d805696ca3e4e9e0961353860a"
PLUS_DIGITS = "8a59780bb8cd2ba022bfa5ba2ea3b6e07af17a7d8b30c1f9b3390e36f69019e4"


# Vectors of the vendors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jane.doe@example.com", JANE),
        ("jane.doe@gmail.com", JANE_OF_GMAIL),
        ("janedoe@gmail.com", JANE_WITHOUT_DOT),
        ("15551234567", DIGITS),
        ("+15551234567", PLUS_DIGITS),
        ("jane", "81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2"),
        ("m", "62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a"),
        ("ca", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"),
        ("us", "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
        ("menlopark", "0007a3d64c01e23d5075203c5977c14e4f7e01a3fc570686fcc50b5e1dd42685"),
        ("94035", "1794327a4d443904421f5ca1f3d72d0a62ba2f0770d80755ec2220fc0efb052e"),
        ("19971226", "069068313b0b2dd680b9f0b8082228a817fb100433ad1d825ccc4d20123669a8"),
    ],
)
def test_sha256_as_the_vendors_compute_it(text: str, expected: str) -> None:
    assert digest("sha256", text) == expected


def test_md5_as_mailchimp_names_a_subscriber() -> None:
    assert hashed("mailchimp.email", "Jane.Doe@Example.com ", "md5") == "0cba00ca3da1b283a57287bcceb17e35"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("email", "Jane.Doe@Example.com ", JANE),
        ("meta.email", "Jane.Doe@Example.com ", JANE),
        ("google.email", "Jane.Doe@Example.com ", JANE),
        ("tiktok.email", "Jane.Doe@Example.com ", JANE),
        ("snap.email", "Jane.Doe@Example.com ", JANE),
        ("pinterest.email", "Jane.Doe@Example.com ", JANE),
        ("linkedin.email", "Jane.Doe@Example.com ", JANE),
        ("meta.email", "Jane.Doe@Gmail.com", JANE_OF_GMAIL),
        ("tiktok.email", "Jane.Doe@Gmail.com", JANE_OF_GMAIL),
        ("linkedin.email", "Jane.Doe@Gmail.com", JANE_OF_GMAIL),
        ("snap.email", "Jane.Doe@Gmail.com", JANE_OF_GMAIL),
        ("google.email", "Jane.Doe@Gmail.com", JANE_WITHOUT_DOT),
        ("reddit.email", "Jane.Doe@Gmail.com", JANE_WITHOUT_DOT),
        ("meta.phone", "+1 (555) 123-4567", DIGITS),
        ("snap.phone", "+1 (555) 123-4567", DIGITS),
        ("pinterest.phone", "+1 (555) 123-4567", DIGITS),
        ("google.phone", "+1 (555) 123-4567", PLUS_DIGITS),
        ("tiktok.phone", "+1 (555) 123-4567", PLUS_DIGITS),
        ("reddit.phone", "+1 (555) 123-4567", PLUS_DIGITS),
        ("meta.name", "Jane", "81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2"),
        ("meta.gender", "Male", "62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a"),
        ("meta.state", "California", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"),
        ("meta.country", "US", "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
        ("meta.city", "Menlo Park", "0007a3d64c01e23d5075203c5977c14e4f7e01a3fc570686fcc50b5e1dd42685"),
        ("meta.zip", "94035-1234", "1794327a4d443904421f5ca1f3d72d0a62ba2f0770d80755ec2220fc0efb052e"),
        ("meta.date_of_birth", "1997-12-26", "069068313b0b2dd680b9f0b8082228a817fb100433ad1d825ccc4d20123669a8"),
    ],
)
def test_a_value_as_users_send_it_hashes_to_the_vendor_s_vector(kind: str, value: str, expected: str) -> None:
    assert hashed(kind, value) == expected


# The table of rules, cell by cell -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("email", "  Jane.Doe@Example.COM\n", "jane.doe@example.com"),
        ("email", "hanako@例え.example", "hanako@例え.example"),
        ("meta.email", "jane. doe@example.com", "jane.doe@example.com"),
        ("google.email", "J.A.N.E@GMail.com", "jane@gmail.com"),
        ("google.email", "j.a.n.e+x@googlemail.com", "jane+x@googlemail.com"),
        ("google.email", "j.a.n.e@example.com", "j.a.n.e@example.com"),
        ("reddit.email", "J.Doe+Shop@Example.com", "jdoe@example.com"),
        ("mailchimp.email", "J.Doe@Example.com", "j.doe@example.com"),
        ("name", "Mary-Ann  O'Neil", "maryann oneil"),
        ("meta.name", " José ", "josé"),
        ("meta.name", "नरेंद्र", "नरेंद्र"),
        ("google.name", "Jane 2 (Doe)", "jane doe"),
        ("tiktok.name", "Mary Ann", "maryann"),
        ("snap.name", "Mary Ann", "maryann"),
        ("pinterest.name", "Mary-Ann K", "mary-annk"),
        ("linkedin.name", " Mary Ann ", "Mary Ann"),
        ("google.street", "1 Hacker Way, Apt. #3", "1 hacker way apt 3"),
        ("meta.city", "St. Louis", "stlouis"),
        ("google.city", " St. Louis ", "St. Louis"),
        ("ga4.city", "St. Louis 2", "st louis"),
        ("tiktok.city", "St. Louis", "stlouis"),
        ("snap.city", "St. Louis", "st.louis"),
        ("pinterest.city", "San José", "sanjosé"),
        ("meta.state", "CA", "ca"),
        ("meta.state", "US-CA", "ca"),
        ("meta.state", "Nordrhein-Westfalen", "nordrheinwestfalen"),
        ("google.state", " California ", "California"),
        ("tiktok.state", "New York", "newyork"),
        ("snap.state", "New York", "ny"),
        ("pinterest.state", "texas", "tx"),
        ("meta.zip", "940351234", "94035"),
        ("meta.zip", "SW1A 1AA", "sw1a1aa"),
        ("meta.zip", "12345-678", "12345678"),
        ("google.zip", " SW1A 1AA", "SW1A 1AA"),
        ("tiktok.zip", "94035-1234", "940351234"),
        ("snap.zip", "94035 1234", "940351234"),
        ("pinterest.zip", "94035-1234", "94035-1234"),
        ("meta.country", "United States", "us"),
        ("meta.country", "DEU", "de"),
        ("meta.country", "Türkiye", "tr"),
        ("snap.country", "Côte d’Ivoire", "ci"),
        ("pinterest.country", "gb", "gb"),
        ("google.country", "us", "US"),
        ("linkedin.country", "Germany", "DE"),
        ("tiktok.country", "U.S.", "us"),
        ("meta.gender", "F", "f"),
        ("snap.gender", " female", "f"),
        ("pinterest.gender", "Non-binary", "n"),
        ("date_of_birth", "1997-12-26T00:00:00.000Z", "19971226"),
        ("pinterest.date_of_birth", "1997/12/26", "19971226"),
        ("snap.date_of_birth", "26.12.1997", "26.12.1997"),
        ("meta.id", "User 1", "user1"),
        ("tiktok.id", " User 1 ", "user 1"),
        ("snap.id", "User-1", "user-1"),
        ("pinterest.id", " User-1 ", "User-1"),
        ("reddit.id", " User-1 ", "User-1"),
        ("linkedin.id", "User-1", "User-1"),
        ("meta.device", "1D2E3F40-5161-4273-8495-A6B7C8D9EAFB", "1d2e3f40-5161-4273-8495-a6b7c8d9eafb"),
        ("reddit.device", "1D2E3F40-5161-4273-8495-A6B7C8D9EAFB", "1D2E3F40-5161-4273-8495-A6B7C8D9EAFB"),
        ("reddit.ip", "203.0.113.24", "203.0.113.24"),
        ("mixpanel.id", " u-1 ", "u-1"),
        ("amplitude.id", "u-1", "u-1"),
    ],
)
def test_normalised_as_the_vendor_wants_it(kind: str, value: str, expected: str) -> None:
    assert normalise(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "country", "expected"),
    [
        ("phone", "+1 (555) 123-4567", None, "+15551234567"),
        ("phone", "0046 70 123 45 67", None, "+46701234567"),
        ("phone", "46 70 999 88 77", None, "+46709998877"),
        ("phone", "+44 (0)20 7946 0123", None, "+442079460123"),
        ("phone", "+1 555 123 4567 ext. 89", None, "+15551234567"),
        ("phone", "tel:+1-555-123-4567", None, "+15551234567"),
        ("phone", "+١٥٥٥١٢٣٤٥٦٧", None, "+15551234567"),
        ("phone_digits", "+46701234567", None, "46701234567"),
        ("phone", "0701 234567", "46", "+46701234567"),
        ("phone", "612 345 678", "34", "+34612345678"),
        ("phone", "02 1234 5678", "39", "+390212345678"),
        ("phone", "(555) 123-4567", "1", "+15551234567"),
        ("phone", "1 555 123 4567", "1", "+15551234567"),
        ("phone", "+44 20 7946 0123", "1", "+442079460123"),
        ("phone", "0701 234567", None, None),
        ("meta.phone", "0701 234567", None, "701234567"),
        ("meta.phone", "0701 234567", "46", "46701234567"),
        ("pinterest.phone", "0701 234567", None, "0701234567"),
        ("reddit.phone", "+1 555 123 4567 x89", None, "+15551234567"),
        ("google.phone", "+123456789012345", None, "+123456789012345"),
        ("tiktok.phone", "+12345678901234", None, "+12345678901234"),
        ("tiktok.phone", "+123456789012345", None, None),
        ("phone", "+1234567890123456", None, None),
        ("phone", "1-800-FLOWERS", None, None),
        ("phone", "12345", None, None),
        ("phone", "9" * 10_000, None, None),
    ],
)
def test_telephone_numbers(kind: str, value: str, country: str | None, expected: str | None) -> None:
    assert normalise(kind, value, country=country) == expected


def test_a_number_is_read_as_its_digits() -> None:
    assert normalise("phone", 15551234567) == "+15551234567"
    assert normalise("meta.phone", 15551234567.0) == "15551234567"
    assert normalise("zip", 94035) == "94035"
    assert normalise("date_of_birth", 19971226) == "19971226"
    assert normalise("id", 42) == "42"


def test_two_ways_to_write_a_letter_give_one_digest() -> None:
    composed, apart = "Jos\u00e9", "Jose\u0301"
    assert hashed("meta.name", composed) == hashed("meta.name", apart)


# What is no identifier ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "not-an-email"),
        ("email", "@example.com"),
        ("email", "jane@"),
        ("email", "jane doe@example.com"),
        ("reddit.email", "+shop@example.com"),
        ("google.email", ".@gmail.com"),
        ("country", "Atlantis"),
        ("country", "xx"),
        ("gender", "unknown"),
        ("date_of_birth", "12/26/1997"),
        ("date_of_birth", "1997-02-30"),
        ("date_of_birth", "19971226123"),
        ("name", "-"),
        ("device", "00000000-0000-0000-0000-000000000000"),
        ("reddit.device", "00000000-0000-0000-0000-000000000000"),
        *[("mixpanel.id", value) for value in ("null", "Undefined", "0", "true", "<nil>", "anon", "[]")],
        *[("amplitude.id", value) for value in ("N/A", "empty", "lmy47d", "-1", "{}")],
    ],
)
def test_what_cannot_be_such_an_identifier_is_none(kind: str, value: str) -> None:
    assert normalise(kind, value) is None
    assert hashed(kind, value) is None


def test_no_text_and_no_number_is_none() -> None:
    values: list[Any] = [None, "", " \t\n", "\ufeff", True, False, [], {}, ["a"], b"x", 1.5, float("nan"), 10**5000]
    found = [(kind, value) for kind in KINDS for value in values if normalise(kind, value) is not None]
    assert found == []


def test_an_unknown_kind_is_a_key_error() -> None:
    for value in ("x", "", None):
        with pytest.raises(KeyError):
            normalise("meta.shoe_size", value)


@given(st.sampled_from(KINDS), text(max_size=40), st.sampled_from([None, "1", "46"]))
def test_nothing_is_raised_for_a_text(kind: str, text: str, country: str | None) -> None:
    found = normalise(kind, text, country=country)
    assert found is None or (found and found == found.strip())


@given(st.sampled_from([kind for kind in KINDS if not kind.endswith("phone")]), text(max_size=40))
def test_what_is_normalised_stays_as_it_is(kind: str, text: str) -> None:
    found = normalise(kind, text)
    assert found is None or normalise(kind, found) == found


# Digests --------------------------------------------------------------------------------------------------------------


def test_each_algorithm() -> None:
    assert ALGORITHMS == ("sha256", "sha1", "md5", "hmac-sha256")
    assert digest("sha256", "é") == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"
    assert digest("sha1", "abc") == "a9993e364706816aba3e25717850c26c9cd0d89d"
    assert digest("md5", "abc") == "900150983cd24fb0d6963f7d28e17f72"
    assert (
        digest("hmac-sha256", "what do ya want for nothing?", "Jefe")
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


@given(text(), text())
def test_the_standard_library_agrees(text: str, key: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    assert digest("sha256", text) == hashlib.sha256(data).hexdigest()
    assert (
        digest("hmac-sha256", text, key) == hmac.new(key.encode("utf-8", "surrogatepass"), data, "sha256").hexdigest()
    )


def test_a_key_is_for_hmac_and_hmac_needs_one() -> None:
    for algorithm, key in [("hmac-sha256", None), ("sha256", "k"), ("crc32", None), ("crc32", "k")]:
        with pytest.raises(ValueError, match=algorithm):
            digest(algorithm, "x", key)


@pytest.mark.parametrize(
    ("text", "algorithm", "is_one"),
    [
        (JANE, "sha256", True),
        (JANE.upper(), "sha256", True),
        (JANE, "hmac-sha256", True),
        (JANE, "md5", False),
        ("0cba00ca3da1b283a57287bcceb17e35", "md5", True),
        ("a9993e364706816aba3e25717850c26c9cd0d89d", "sha1", True),
        (JANE[:-1], "sha256", False),
        (JANE + "\n", "sha256", False),
        ("g" * 64, "sha256", False),
        ("", "sha256", False),
    ],
)
def test_a_digest_is_told_from_what_has_to_be_hashed(text: str, algorithm: str, is_one: bool) -> None:
    assert is_hashed(text, algorithm) is is_one


def test_what_is_hashed_already_passes_as_it_is() -> None:
    assert hashed("meta.email", JANE) == JANE
    assert hashed("google.phone", f" {JANE.upper()} ") == JANE.upper()
    assert hashed("meta.email", JANE, "md5") is None


# One of several -------------------------------------------------------------------------------------------------------


def test_the_first_usable_identifier_is_taken() -> None:
    assert first_usable([("mixpanel.id", "u-1"), ("mixpanel.id", "a-1")]) == ("mixpanel.id", "u-1")
    assert first_usable([("mixpanel.id", "null"), ("mixpanel.id", None), ("id", "a-1")]) == ("id", "a-1")
    assert first_usable([("id", ""), ("email", "Jane@Example.com")]) == ("email", "jane@example.com")
    assert first_usable([("id", None), ("email", "nobody")]) is None
    assert first_usable([]) is None
