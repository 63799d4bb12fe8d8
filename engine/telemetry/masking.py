"""What of a request may be shown: everything but secrets. Known ones by their value, unknown ones because only what is harmless passes.

settings -> secret.secrets_in -> Mask -> texts, headers and URLs as people may see them
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

MASK = "***"
SHORTEST = 4
"""A known secret below this is not looked for: it would be found everywhere."""
LONG = 16
"""A hidden header's value below this may be a word that is no secret, such as `no-cache`."""
_HARMLESS = frozenset(
    {
        *("accept", "accept-encoding", "age", "cache-control", "connection", "content-encoding", "content-length"),
        *("content-type", "date", "host", "idempotency-key", "retry-after", "server", "transfer-encoding"),
        *("user-agent", "vary", "via", "webhook-id", "webhook-timestamp", "x-request-id", "request-id"),
        *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy"),
    }
)
"""Headers whose values are shown. Of any other only the name is: it may be a key that nobody said was one."""


class Mask:
    """Knows some secrets. Those of a destination's earlier settings stay known: a request may have been made with them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Some more of them."""
        for secret in secrets:
            # Of "Bearer abc" the part that is secret may turn up alone.
            for part in {secret, secret.rpartition(" ")[2]}:
                self._learn_forms(_forms(part))

    def _learn_forms(self, forms: Iterable[str]) -> None:
        self._known |= {form for form in forms if len(form) >= SHORTEST}
        longest_first = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def beside(self, headers: Mapping[str, str]) -> Mask:
        """One that also knows what these headers hide: a token that a receiver repeats was in no settings."""
        hidden = [value for name, value in headers.items() if name.lower() not in _HARMLESS and len(value) >= LONG]
        if not hidden:
            return self
        mask = Mask(hidden)
        mask._learn_forms(self._known)
        return mask

    def text(self, text: str) -> str:
        """`text` without the secrets that are known."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Names, and the values of those that are harmless."""
        return {name: self.text(value) if name.lower() in _HARMLESS else MASK for name, value in headers.items()}

    def url(self, url: str) -> str:
        """Without user, password, fragment and the values of its query: credentials of vendors are often there."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return MASK
        query = "&".join(f"{pair.partition('=')[0]}={MASK}" for pair in parts.query.split("&") if pair)
        host = parts.netloc.rpartition("@")[2]
        return self.text(urlunsplit((parts.scheme, host, parts.path, query, "")))


def _forms(secret: str) -> set[str]:
    """As it is, and as it is written in a URL and in JSON."""
    return {secret, quote(secret, safe=""), msgspec.json.encode(secret).decode()[1:-1]}
