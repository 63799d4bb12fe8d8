"""Write keys: whose events these are, and whether they may come.

A key is looked up by its SHA-256: how long that takes says nothing of how near a guess was.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Sequence

from ...policy.limiter import Limiter
from ...units import parse_rate
from ..settings import WriteKey
from .answers import Refused


class Source:
    """What a write key stands for. `limiter` None: as much as comes."""

    def __init__(
        self,
        name: str,
        *,
        enabled: bool = True,
        limiter: Limiter | None = None,
        origins: frozenset[bytes] | None = None,
    ) -> None:
        self.name = name
        self.enabled = enabled
        self._limiter = limiter
        self._origins = origins

    def allows(self, origin: bytes | None) -> bool:
        """Whether a page of this origin may send. Who is no browser says none."""
        return origin is None or self._origins is None or origin.lower() in self._origins

    def admit(self, events: int, now: float) -> None:
        """Takes so many from what may come. Raises Refused."""
        wait_s = 0.0 if self._limiter is None else self._limiter.reserve_nowait(events, now)
        if wait_s > 0:
            raise Refused("too_many_requests", retry_s=wait_s)


class Keys:
    """Of one ingress. Without any, everybody may send, and the source is `name`."""

    def __init__(self, keys: Sequence[WriteKey], name: str, now: Callable[[], float]) -> None:
        self._now = now
        self._sources: dict[bytes, Source] | None = None
        self._anybody = Source(name)
        self._settings = keys

    def find(self, key: str | None, origin: bytes | None) -> Source:
        """Whose key it is. Raises Refused if it is nobody's, disabled, or not for pages of `origin`."""
        source = self._look_up(key)
        if source is None:
            raise Refused("unknown_source")
        if not source.enabled:
            raise Refused("source_disabled")
        if not source.allows(origin):
            raise Refused("origin_not_allowed")
        return source

    def knows(self, key: str) -> bool:
        """Whether it is anybody's, disabled or not."""
        return self._look_up(key) is not None

    def allows_any(self, origin: bytes) -> bool:
        """Whether any key is for pages of `origin`: all there is to say before the key is known."""
        if not self._settings:
            return True
        return any(source.allows(origin) for source in self._all().values() if source.enabled)

    def _look_up(self, key: str | None) -> Source | None:
        if not self._settings:
            return self._anybody
        return None if key is None else self._all().get(_digest(key))

    def _all(self) -> dict[bytes, Source]:
        """Made when the first request comes: a limiter needs the clock of a loop that runs."""
        if self._sources is None:
            self._sources = {_digest(key.key.reveal()): self._source(key) for key in self._settings}
        return self._sources

    def _source(self, key: WriteKey) -> Source:
        rate = None if key.rate is None else parse_rate(key.rate)
        limiter = None if rate is None else Limiter(rate, max(1.0, rate), self._now())
        origins = None if key.origins is None else frozenset(origin.lower().encode() for origin in key.origins)
        return Source(key.name, enabled=key.enabled, limiter=limiter, origins=origins)


def key_in(authorization: bytes | None) -> str | None:
    """The write key of an `Authorization` header: the user of `Basic`, or the token of `Bearer`. None if there is none."""
    scheme, _, value = (authorization or b"").partition(b" ")
    try:
        if scheme.lower() == b"basic":
            return binascii.a2b_base64(value.strip()).partition(b":")[0].decode() or None
        return value.strip().decode() or None if scheme.lower() == b"bearer" else None
    except ValueError:  # binascii.Error and UnicodeDecodeError are such
        return None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
