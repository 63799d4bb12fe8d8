"""What may go into a request line and its headers: checked when settings are loaded, so that no event ever meets it.

Both checks return what is wrong and what would be right, or None. Neither repeats a header's value: it may be a secret.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_VALUE = re.compile(
    r"(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?"
)  # RFC 9110, 5.5, without the obsolete bytes above 127
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f]")
_ENGINE_OWNS = {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


def header_problem(name: str, value: str) -> str | None:
    """Why this header cannot be sent, if so."""
    if not _TOKEN.fullmatch(name):
        return f"{name!r} is not a header name; use letters, digits and dashes, as in `X-Api-Key`"
    if name.lower() in _ENGINE_OWNS:
        return f"{name} is set by the engine; leave it out"
    if "\r" in value or "\n" in value:
        return f"the value of {name} has a line break; write it on one line (a file may end with one)"
    if not _VALUE.fullmatch(value):
        return f"the value of {name} must be printable ASCII without spaces at its ends"
    return None


def url_problem(url: str) -> str | None:
    """Why no request can go to this URL, if so."""
    if _NOT_IN_URLS.search(url):
        return "the URL has a space or a control character; percent-encode it"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return f"the URL cannot be read ({error}); write one like https://example.com/in"
    if parts.scheme not in ("http", "https"):
        return "the URL must begin with http:// or https://"
    if not host or port == 0:
        return "the URL names no host and port to connect to; write one like https://example.com/in"
    return "the URL has a #fragment, which is never sent; leave it out" if parts.fragment else None
