"""Headers and signatures, against the examples of their specifications."""

from __future__ import annotations

import pytest
from doorstep.engine.sdk import basic_auth, bearer_auth, hmac_signature


@pytest.mark.parametrize(
    ("user", "password", "header"),
    [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617, section 2
        ("test", "123£", "Basic dGVzdDoxMjPCow=="),  # RFC 7617, section 2.1
        ("key", "", "Basic a2V5Og=="),
        ("u", "a:b", "Basic dTphOmI="),
    ],
)
def test_basic(user: str, password: str, header: str) -> None:
    assert basic_auth(user, password) == header


def test_a_user_name_with_a_colon_is_refused() -> None:
    with pytest.raises(ValueError, match="no colon"):
        basic_auth("a:b", "c")


def test_bearer() -> None:
    assert bearer_auth("mF_9.B5f-4.1JqM") == "Bearer mF_9.B5f-4.1JqM"  # RFC 6750, section 2.1


def test_hmac() -> None:
    # RFC 4231, test case 2; RFC 2202, test case 2.
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hmac_signature("Jefe", b"what do ya want for nothing?") == expected
    assert hmac_signature(b"Jefe", b"what do ya want for nothing?", encoding="base64") == (
        "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
    )
    assert hmac_signature("Jefe", b"what do ya want for nothing?", algorithm="sha1") == (
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    )
    assert hmac_signature("Jefe", b"what do ya want for nothing?", algorithm="sha512").startswith(
        "164b7a7bfcf819e2e395"
    )
