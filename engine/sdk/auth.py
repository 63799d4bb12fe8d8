"""How a request says who sends it: values of an `Authorization` header, and signatures over a body. Pure.

What needs a token that expires is in `oauth`; what Standard Webhooks wants, in `signing`.
"""

from __future__ import annotations

import base64
import hmac
from typing import Literal


def basic_auth(user: str, password: str) -> str:
    """`Basic ...` (RFC 7617, UTF-8). Raises ValueError for a user name with a colon, which no server could tell from the password."""
    if ":" in user:
        raise ValueError("a user name for basic authentication has no colon")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def bearer_auth(token: str) -> str:
    """`Bearer ...` (RFC 6750)."""
    return f"Bearer {token}"


def hmac_signature(
    key: str | bytes,
    content: bytes,
    *,
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256",
    encoding: Literal["hex", "base64"] = "hex",
) -> str:
    """The HMAC of `content` (RFC 2104), as a vendor's header wants it. A key given as text is its UTF-8."""
    digest = hmac.digest(key.encode() if isinstance(key, str) else key, content, algorithm)
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
