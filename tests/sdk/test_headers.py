"""What may go into a request line and its headers."""

from __future__ import annotations

import h11
import pytest
from doorstep.engine.sdk import header_problem, url_problem
from hypothesis import given

from tests.texts import text


@pytest.mark.parametrize(
    "url", ["https://example.com", "http://127.0.0.1:8080/in?a=b", "http://[::1]:1/", "https://u:p@h/%20"]
)
def test_good_urls(url: str) -> None:
    assert url_problem(url) is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "the URL must begin with http:// or https://"),
        ("example.com", "the URL must begin with http:// or https://"),
        ("file:///etc/passwd", "the URL must begin with http:// or https://"),
        ("http://", "the URL names no host and port to connect to; write one like https://example.com/in"),
        ("http://h:0/", "the URL names no host and port to connect to; write one like https://example.com/in"),
        ("http://h/\r\nX: y", "the URL has a space or a control character; percent-encode it"),
        ("http://h/#a", "the URL has a #fragment, which is never sent; leave it out"),
        ("http://[::1/", "the URL cannot be read (Invalid IPv6 URL); write one like https://example.com/in"),
    ],
)
def test_bad_urls(url: str, problem: str) -> None:
    assert url_problem(url) == problem


@pytest.mark.parametrize(
    ("name", "value"), [("X-Api-Key", "a"), ("x", ""), ("A_b.c", "a b\tc"), ("Cookie", "a=b; c=d")]
)
def test_good_headers(name: str, value: str) -> None:
    assert header_problem(name, value) is None


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("", "a", "'' is not a header name; use letters, digits and dashes, as in `X-Api-Key`"),
        ("X:", "a", "'X:' is not a header name; use letters, digits and dashes, as in `X-Api-Key`"),
        ("X\r\n", "a", "'X\\r\\n' is not a header name; use letters, digits and dashes, as in `X-Api-Key`"),
        ("Transfer-Encoding", "chunked", "Transfer-Encoding is set by the engine; leave it out"),
        ("X", "s3cret\n", "the value of X has a line break; write it on one line (a file may end with one)"),
        ("X", " s3cret", "the value of X must be printable ASCII without spaces at its ends"),
        ("X", "s3cr\0et", "the value of X must be printable ASCII without spaces at its ends"),
        ("X", "grüße", "the value of X must be printable ASCII without spaces at its ends"),
    ],
)
def test_bad_headers(name: str, value: str, problem: str) -> None:
    assert header_problem(name, value) == problem


@given(text(max_size=8), text(max_size=12))
def test_whatever_passes_is_legal_http(name: str, value: str) -> None:
    if header_problem(name, value) is None:
        h11.Request(
            method="GET",
            target="/",
            headers=[("Host", "h"), (name, value)] if name.lower() != "host" else [(name, value)],
        )
