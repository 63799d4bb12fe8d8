"""Standard Webhooks 1.0.0 (symmetric, `v1`): three headers by which a receiver knows who sent a request, and when.

`webhook-id` stays the same over all attempts (the receiver's idempotency key); `webhook-timestamp` is that of the attempt, so
the signature differs from attempt to attempt. Pure: the time is given.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from .auth import hmac_signature

_PREFIX = "whsec_"
_FIT_FOR_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,256}")


def webhook_id(key: str) -> str:
    """`key` as a `webhook-id`: itself, or its SHA-256 if a header cannot carry it.

    An id is printable ASCII, and has no full stop: the signed content is joined by full stops, so one in an id (which comes from
    whoever sent the event) would let it reach into the timestamp.
    """
    return key if _FIT_FOR_ID.fullmatch(key) else hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


class Signer:
    """Signs with one secret or, while one is being replaced, with several: the receiver accepts any that it knows."""

    def __init__(self, secrets: str) -> None:
        """`secrets`: `whsec_` and base64, several separated by spaces. Raises ValueError, which never repeats them."""
        self._keys = [_key(secret) for secret in secrets.split()]
        if not self._keys:
            raise ValueError("no secret given; write one like whsec_<base64 of 24 to 64 random bytes>")

    def __repr__(self) -> str:
        return f"<Signer with {len(self._keys)} secrets>"

    def headers(self, identifier: str, at: float, *bodies: bytes) -> dict[str, str]:
        """The three headers for an attempt at `at` (UTC, seconds). Each of `bodies` (forms of one body) gets its signatures."""
        timestamp = str(int(at))
        prefix = f"{identifier}.{timestamp}.".encode()
        signatures = [_signature(key, prefix + body) for body in bodies for key in self._keys]
        return {"webhook-id": identifier, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _signature(key: bytes, content: bytes) -> str:
    return "v1," + hmac_signature(key, content, encoding="base64")


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX)
    try:
        # Reference libraries take secrets without their padding, so people have such.
        key = base64.b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key or encoded == secret:
        raise ValueError(f"a signing secret is `{_PREFIX}` followed by base64 (standard alphabet)")
    return key
