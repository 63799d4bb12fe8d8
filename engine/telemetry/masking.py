"""What of a request may be shown: everything but secrets. Known ones by their value, unknown ones because only what is harmless passes.

settings -> secrets_of -> Mask -> texts, headers and URLs as people may see them
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

import msgspec

from ..secret import secrets_in

MASK = "***"
SHORTEST = 4
"""A known secret below this is not looked for: it would be found everywhere."""
LONG = 16
"""A hidden header's value below this may be a word that is no secret, such as `no-cache`; so may a part of a path."""
KEY = 8
"""A value in a URL's query, or a user name, below this is taken for a word, such as `beta`."""
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
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
        self._pattern = None

    def narrowed(self, text: str) -> Mask | None:
        """One that knows those alone that are in `text`; None for none: for many texts at once it is a hundred times as fast."""
        found = {form for form in self._known if form in text}
        if not found:
            return None
        mask = Mask()
        mask._learn_forms(found)
        return mask

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
        if not self._known:
            return text
        if self._pattern is None:  # when it is needed, not with each secret: compiling hundreds takes a while
            longest_first = sorted(self._known, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return self._pattern.sub(MASK, text)

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


def secrets_of(settings: object) -> list[str]:
    """What settings hold that nobody may see, each once: what is said to be secret, and what their URLs carry."""
    secrets = secrets_in(settings)
    in_urls = [part for url in _urls(settings) for part in _of_url(url)]
    in_secret_urls = [part for url in secrets if _URL.match(url) for part in (*_of_url(url), *_of_secret_url(url))]
    return list(dict.fromkeys([*secrets, *in_urls, *in_secret_urls]))


def _urls(value: object) -> Iterator[str]:
    if isinstance(value, msgspec.Struct):
        value = [getattr(value, name) for name in value.__struct_fields__]
    elif isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _urls(part)
    elif isinstance(value, str) and _URL.match(value):
        yield value


def _of_url(url: str) -> Iterator[str]:
    """A name and password, also as the header that they become; values of the query that are long enough to be keys.

    A name is none of them beside a password; alone it is the key, if it is long enough to be one.
    """
    try:
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if password:
            yield password
        elif len(user) >= KEY:
            yield user
        if user or password:
            yield base64.b64encode(f"{user}:{password}".encode()).decode()
        yield from (value for value in _values_of(parts.query) if len(value) >= KEY)
    except ValueError:
        return


def _of_secret_url(url: str) -> Iterator[str]:
    """What a URL that is secret as a whole has besides, and a receiver or proxy may repeat alone: the name, and parts of the path."""
    try:
        parts = urlsplit(url)
        user = unquote(parts.username or "")
        if len(user) >= KEY:
            yield user
        yield from (part for part in parts.path.split("/") if len(part) >= LONG)
    except ValueError:
        return


def _values_of(query: str) -> Iterator[str]:
    """As they are meant, and as they are written: `+` is a space only to some."""
    yield from (value for _, value in parse_qsl(query))
    yield from (pair.partition("=")[2] for pair in query.split("&"))


def _forms(secret: str) -> set[str]:
    """As it is, and as it is written in a URL and in JSON."""
    return {secret, quote(secret, safe=""), msgspec.json.encode(secret).decode()[1:-1]}
