"""Digests of identifiers, and how a digest is told from what still has to be hashed."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from functools import partial
from typing import Any

_PLAIN: dict[str, Callable[[bytes], Any]] = {
    "sha256": hashlib.sha256,
    "sha1": partial(hashlib.sha1, usedforsecurity=False),
    "md5": partial(hashlib.md5, usedforsecurity=False),
}
_KEYED = {"hmac-sha256": "sha256"}
_DIGITS = {"sha256": 64, "sha1": 40, "md5": 32, "hmac-sha256": 64}
_HASHED = {name: re.compile(rf"[0-9A-Fa-f]{{{digits}}}") for name, digits in _DIGITS.items()}

ALGORITHMS = tuple(_DIGITS)
"""What `digest` knows. MD5 and SHA-1 are for vendors that name people so (Mailchimp); they hide nothing from who guesses."""


def digest(algorithm: str, text: str, key: str | None = None) -> str:
    """`text` as UTF-8, hashed, in lower-case hexadecimal digits.

    `key` is for "hmac-sha256", which must have one, and only for that. Raises ValueError otherwise, and for an algorithm that is
    not in ALGORITHMS; never for a text.
    """
    return digester(algorithm, key)(text)


def digester(algorithm: str, key: str | None = None) -> Callable[[str], str]:
    """`digest` for many texts. Raises as it does, and here."""
    keyed = _KEYED.get(algorithm)
    if (key is None) is (keyed is not None):
        raise ValueError(f"{algorithm} needs a key" if keyed else f"{algorithm} takes no key")
    if keyed is not None:
        return partial(_with_key, _bytes(key or ""), keyed)
    if algorithm not in _PLAIN:
        raise ValueError(f"unknown algorithm {algorithm!r}: one of {', '.join(ALGORITHMS)}")
    return partial(_plain, _PLAIN[algorithm])


def _plain(make: Callable[[bytes], Any], text: str) -> str:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raw = _bytes(text)
    hexadecimal: str = make(raw).hexdigest()
    return hexadecimal


def _with_key(key: bytes, algorithm: str, text: str) -> str:
    return hmac.digest(key, _bytes(text), algorithm).hex()


def is_hashed(text: str, algorithm: str) -> bool:
    """Whether `text` looks like a digest of that algorithm, in either case: nothing but hexadecimal digits, and as many.

    It cannot be more than a guess; no e-mail address, number or name looks like this.
    """
    return _HASHED[algorithm].fullmatch(text) is not None


def _bytes(text: str) -> bytes:
    """A lone surrogate, which a user's code may make, is no reason to lose an event."""
    return text.encode("utf-8", "surrogatepass")
