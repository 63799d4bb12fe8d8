"""URLs and header fields, without a network."""

from __future__ import annotations

import pytest
from doorstep.engine.errors import ConfigError, Fault, TransportError
from doorstep.engine.model.exchange import Request
from doorstep.engine.net.wire import decode_body, header_fields, parse_proxy, parse_target


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "host_field"),
    [
        ("http://example.com", "example.com", 80, "/", "example.com"),
        ("HTTPS://Example.COM:443/A?b#c", "example.com", 443, "/A?b", "example.com"),
        ("https://example.com?q=1", "example.com", 443, "/?q=1", "example.com"),
        ("http://[::1]:8080/x", "::1", 8080, "/x", "[::1]:8080"),
        ("http://bücher.example/ü", "xn--bcher-kva.example", 80, "/%C3%BC", "xn--bcher-kva.example"),
        ("http://h/%7e/../%2F?a=%2f&b=%zz+{}", "h", 80, "/%7e/../%2F?a=%2f&b=%zz+{}", "h"),
        ("http://under_score.example:81/", "under_score.example", 81, "/", "under_score.example:81"),
    ],
)
def test_a_url_is_taken_apart_with_path_and_query_as_written(url, host, port, path, host_field):
    target = parse_target(url)
    assert (target.host, target.port, target.path, target.host_field) == (host, port, path, host_field)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "/path",
        "//example.com/",
        "ftp://example.com/",
        "http://",
        "http:///path",
        "http://:80/",
        "http://user:secret@/",
        "http://exa mple.com/",
        "http://h/a\r\nb: c",
        "http://h/\x00",
        "http://h/\ud800",
        "http://h:0/",
        "http://h:99999/",
        "http://h:secret/",
        "http://[::1/",
        "http://[::zz]/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://a..b/",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 127}/",
        "http://%41/",
        "http://h\\x/",
        " http://h/",
    ],
)
def test_what_is_no_http_url_is_refused_without_being_repeated(url):
    with pytest.raises(TransportError) as caught:
        parse_target(url)
    assert (caught.value.code, caught.value.fault) == ("invalid_url", Fault.CONFIGURATION)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "http://h/", {"x": "a\r\nEvil: 1"}),
        Request("GET", "http://h/", {"x": "a\nb"}),
        Request("GET", "http://h/", {"x": "\x00"}),
        Request("GET", "http://h/", {"x": "\ud800"}),
        Request("GET", "http://h/", {"x\r\n": "a"}),
        Request("GET", "http://h/", {"x y": "a"}),
        Request("GET", "http://h/", {"": "a"}),
        Request("GET\r\n", "http://h/"),
        Request("", "http://h/"),
    ],
)
def test_a_method_or_header_that_would_break_the_request_is_refused(request_):
    with pytest.raises(TransportError) as caught:
        header_fields(request_, parse_target(request_.url))
    assert caught.value.code == "invalid_request"


@pytest.mark.parametrize(
    "proxy", ["", "proxy:3128", "https://secret@proxy", "http://", "socks5://secret@h:1", "http://h:secret"]
)
def test_what_is_no_http_proxy_is_refused_without_being_repeated(proxy):
    with pytest.raises(ConfigError) as caught:
        parse_proxy(proxy)
    assert caught.value.problems[0].path == "proxy"
    assert "secret" not in str(caught.value)


def test_an_unknown_encoding_is_left_alone():
    assert decode_body({"content-encoding": "br"}, b"\x0b\x02", 10) == b"\x0b\x02"
    assert decode_body({}, b"plain", 10) == b"plain"
