"""Standard Webhooks signing against the reference implementation and the vector of the facts sheet."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
import standardwebhooks
from doorstep.engine.sdk import Signer, webhook_id
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import text

SECRET = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="


def test_the_published_vector() -> None:
    body = b'{"type":"track","event":"Order Completed","userId":"u-1"}'
    assert Signer(SECRET).headers("msg_01HZX5T6Q8R2", 1735689600, body) == {
        "webhook-id": "msg_01HZX5T6Q8R2",
        "webhook-timestamp": "1735689600",
        "webhook-signature": "v1,w17UAPYLT1IRPKcDALI5lGFtL6i58mPr5VXbk6c8WdI=",
    }


@given(st.binary(min_size=1, max_size=64), text(max_size=50), st.integers(0, 4_000_000_000))
def test_it_agrees_with_the_reference(key: bytes, body: str, at: int) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    body = body.encode(errors="replace").decode()
    oracle = standardwebhooks.Webhook(secret).sign("m-1", datetime.fromtimestamp(at, UTC), body)
    assert Signer(secret).headers("m-1", at, body.encode())["webhook-signature"] == oracle


def test_fractions_of_a_second_are_cut_off() -> None:
    assert Signer(SECRET).headers("m", 1735689600.999, b"")["webhook-timestamp"] == "1735689600"


def test_each_secret_signs_each_form_of_the_body() -> None:
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    one_by_one = [
        Signer(secret).headers("m", 0, body)["webhook-signature"] for body in (b"a", b"b") for secret in (SECRET, other)
    ]
    assert Signer(f"{SECRET} {other}").headers("m", 0, b"a", b"b")["webhook-signature"].split(" ") == one_by_one
    assert len(set(one_by_one)) == 4


def test_a_secret_without_its_padding_is_the_same_secret() -> None:
    assert Signer(SECRET.rstrip("=")).headers("m", 0, b"") == Signer(SECRET).headers("m", 0, b"")


@pytest.mark.parametrize(
    "secret", ["", "  ", "whsec_", "hunter2hunter2==", "whsec_!!!!", "whsec_A", f"{SECRET} hunter2"]
)
def test_what_is_no_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_") as raised:
        Signer(secret)
    assert "hunter2" not in str(raised.value)


def test_a_signer_keeps_its_secrets_to_itself() -> None:
    assert repr(Signer(SECRET)) == "<Signer with 1 secrets>"


@pytest.mark.parametrize("key", ["m-1", "ajs-next-1695-0b1f", "a" * 256, "!~"])
def test_a_key_that_a_header_can_carry_is_the_id(key: str) -> None:
    assert webhook_id(key) == key


@pytest.mark.parametrize(
    ("key", "identifier"),
    [
        ("a.b", "2e7336dc8eba87ef472df568c35482abf2575dc3e5eac0c5c62b8ffaeac2c934"),
        ("a b", "c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65"),
        ("m\r\nX-Evil: 1", "0ce7f254c6ce92976ea1e64769a5635104a82930532753070bcd9029d83aa051"),
        ("Zoë", "c6a12698582fc1104ea24107a2d7268145ff06ef859707729d01fd060897f067"),
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("a" * 257, "e8d95cc2b4bc198c54b40bd214df958afb65f5e73d2c2eafe0593cf5c635c1f0"),
        ("\ud800", "91a681b998555fb475479817b126c94e57e52011fa1842c5d188795a4a05226b"),
    ],
)
def test_any_other_key_is_hashed(key: str, identifier: str) -> None:
    assert webhook_id(key) == identifier
