"""Our own directives and what bounds @liquid: literal values, and the limits seen to hold."""

from __future__ import annotations

from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from doorstep.engine.mapping import UnmappableEvent, compile_mapping
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import text


def mapped(directive: Any, event: dict[str, Any] | None = None) -> Any:
    return compile_mapping({"r": directive})(event or {}).get("r", "gone")


@pytest.mark.parametrize(
    ("value", "moment_us"),
    [
        ("2024-03-05T10:20:30.123456Z", 1709634030123456),
        ("2024-03-05T11:20:30+01:00", 1709634030000000),
        ("2024-03-05 10:20:30", 1709634030000000),
        ("2024-03-05", 1709596800000000),
        ("2024/3/5 10:20", 1709634000000000),
        ("20240305T102030Z", 1709634030000000),
        ("Tue, 05 Mar 2024 10:20:30 GMT", 1709634030000000),
        ("Tue Mar 05 2024 11:20:30 GMT+0100 (CET)", 1709634030000000),
        ("March 5, 2024", 1709596800000000),
        (1709634030, 1709634030000000),
        (1709634030.123456, 1709634030123456),
        ("1709634030123", 1709634030123000),
        (1709634030123456, 1709634030123456),
        (0, 0),
        (-1, -1000000),
        *[
            (nonsense, "gone")
            for nonsense in ("", "soon", "2024-02-30", "2024-13-01", True, None, [], {}, float("nan"), 1e300)
        ],
    ],
)
def test_a_moment_is_read_to_the_microsecond_in_whatever_form(value: Any, moment_us: Any) -> None:
    assert mapped({"@timestamp": {"value": {"@path": "v"}, "format": "microseconds"}}, {"v": value}) == moment_us


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "2024-07-05T08:09:03.007Z"),
        ({"zone": "Europe/Berlin"}, "2024-07-05T10:09:03.007+02:00"),
        ({"zone": "-03:30"}, "2024-07-05T04:39:03.007-03:30"),
        ({"format": "date", "zone": "Pacific/Auckland"}, "2024-07-05"),
        ({"format": "rfc2822"}, "Fri, 05 Jul 2024 08:09:03 +0000"),
        ({"format": "%-d.%-m.%y %l:%M %P %j %L"}, "5.7.24  8:09 am 187 007"),
        ({"format": "%^a %F %T %s %%"}, "FRI 2024-07-05 08:09:03 1720166943 %"),
    ],
)
def test_a_moment_is_written_in_whatever_form(options: dict[str, Any], text: str) -> None:
    assert mapped({"@timestamp": {"value": "2024-07-05T08:09:03.0079Z", **options}}) == text


@pytest.mark.parametrize(
    ("value", "currency", "amount"),
    [
        (19.99, "USD", 1999),
        ("19.99", " usd ", 1999),
        (0.1 + 0.2, "EUR", 30),
        (1.005, "EUR", 101),
        (2.675, "EUR", 268),
        (-1.005, "EUR", -101),
        (1999, "JPY", 1999),
        (0.5, "JPY", 1),
        (1.2345, "KWD", 1235),
        (1.23456, "CLF", 12346),
        (7, "XXX", 700),
        ("1000000000000000.25", "USD", 100000000000000025),
        *[
            (nonsense, "USD", "gone")
            for nonsense in ("", "a lot", "1,99", True, None, [], float("inf"), "1e999999999", "NaN")
        ],
        *[(1, nonsense, "gone") for nonsense in ("", "dollar", None, 5, "ÜSD")],
    ],
)
def test_an_amount_is_made_of_whole_units(value: Any, currency: Any, amount: Any) -> None:
    directive = {"@currency": {"value": {"@path": "v"}, "currency": {"@path": "c"}}}
    assert mapped(directive, {"v": value, "c": currency}) == amount


@given(st.decimals(-(10**9), 10**9, places=3))
def test_half_a_cent_is_rounded_up_whatever_a_float_makes_of_it(amount: Decimal) -> None:
    wanted = int((amount * 100).to_integral_value(ROUND_HALF_UP))
    assert mapped({"@currency": {"value": {"@path": "v"}, "currency": "USD"}}, {"v": float(amount)}) == wanted


@pytest.mark.parametrize(
    ("options", "digest"),
    [
        ({"value": "a"}, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ({"value": 5}, "ef2d127de37b942baad06145e54b0c619a1f22327b2ebbcfbec78f5564afe39d"),
        ({"value": "a", "algorithm": "sha1"}, "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        ({"value": "a", "algorithm": "md5"}, "0cc175b9c0f1b6a831c399e269772661"),
        ({"value": "0CC175B9C0F1B6A831C399E269772661", "algorithm": "md5"}, "0CC175B9C0F1B6A831C399E269772661"),
        (
            {"value": "a", "algorithm": "hmac-sha256", "key": "k"},
            "78da91511e675587f5b9df78bedebaf5560da2abb88162ee875dcdf744951d9e",
        ),
        ({"value": ["a", None, ""], "algorithm": "md5"}, ["0cc175b9c0f1b6a831c399e269772661"]),
        *[({"value": nothing}, "gone") for nothing in ("", None, True, {}, [], ["", None])],
        ({"value": "no address", "normalise": "email"}, "gone"),
    ],
)
def test_an_identifier_is_hashed_once(options: dict[str, Any], digest: Any) -> None:
    assert mapped({"@hash": options}) == digest


# @liquid -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("x" * 1001, "liquid template values are limited to 1000 characters"),
        ("a\n {% tablerow x %}", 'tag "tablerow" is disabled, line:2, col:2'),
        ("{{ a }}{{ a | map: 'x' }}", 'filter "map" is disabled, line:1, col:8'),
        ("a {% if x ", 'tag "{% if x " not closed, line:1, col:3'),
        ("{% assign a = 'ab' %}" + "{% assign a = a | append: a %}" * 30, "memory alloc limit exceeded, line:1, col:"),
        ("{{ 'aa' " + "| replace: 'a', 'aaaaaaaa' " * 30 + "}}", "memory alloc limit exceeded, line:1, col:1"),
        ("{{ (1..1000000000) | join }}", "memory alloc limit exceeded, line:1, col:1"),
    ],
)
def test_a_template_that_may_not_be_or_grows_too_large_is_refused(template: str, message: str) -> None:
    with pytest.raises(UnmappableEvent) as caught:
        mapped({"@liquid": template})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ f }} {{ l }} {{ o }} {{ n }}|", "2 1x [object Object] |"),
        (
            "{{ 1 | divided_by: 0 }} {{ 7 | modulo: 3 }} {{ 9999999999 | times: 9999999999 }}",
            "Infinity 1 99999999980000000000",
        ),
        ("{{ now }}{{ today }}", ""),
        ("{{ '2024-03-05T23:00:00-05:00' | date: '%F %R' }}", "2024-03-06 04:00"),
        ("{{ 'soon' | date: '%F' }}", "soon"),
        ("{% if f %}a{% continue %}b{% endif %}c", "a"),
        ("{% echo l %}{% cycle f, 'b' %}", "1x2"),
        ("""{{ "<i>'&quot;' & " | append: '"' | escape }}""", "&lt;i&gt;&#39;&amp;quot;&#39; &amp; &#34;"),
        ("{{ '&lt;i> &#39;&#34; &quot;&eacute;' | escape_once }}", "&lt;i&gt; &#39;&#34; &amp;quot;&amp;eacute;"),
        ("{{ l | escape }}{{ n | escape }}{{ nothing | escape_once }}", "1x"),
    ],
)
def test_a_template_is_rendered_as_javascript_would(template: str, text: str) -> None:
    assert mapped({"@liquid": template}, {"f": 2.0, "l": [1.0, "x"], "o": {"a": 1}, "n": None}) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [('<!channel> &amp; "it\'s"', '&lt;!channel&gt; &amp;amp; "it\'s"'), (["<", 1.0], "&lt;1"), (None, ""), (2.0, "2")],
)
def test_a_value_that_is_escaped_for_slack_is_no_markup_there(value: Any, text: str) -> None:
    assert mapped({"@liquid": "{{ v | escape_mrkdwn }}"}, {"v": value}) == text


def test_now_is_asked_of_the_library() -> None:
    assert 2025 < int(mapped({"@liquid": "{{ 'now' | date: '%Y' }}"})) < 2200


PIECES = [
    *("{{ a }}", "{{ a | ", "upcase", "json }}", "{% if a %}", "{% endif %}", "{{ a.b[0] }}", "x", "{%", "}}"),
    *(
        "{{ a | slice: 1, b }}",
        "{{ b | plus: a }}",
        "{{ a | date: b }}",
        "{{ a | split: b | last }}",
        "{{ b | round: a }}",
    ),
    *(
        "{{ a | truncate: b }}",
        "{{ (1..b) }}",
        "{{ a | where: b }}",
        "{{ b | times: b | times: b }}",
        "{% assign a = b %}",
    ),
    *("{{ a | default: b | size }}", "{{ a | sum }}", "{{ a | first }}"),
]
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | text(max_size=5)
    | st.lists(st.integers() | st.none(), max_size=3)
)


@given(st.lists(st.sampled_from(PIECES), max_size=4), VALUES, VALUES | st.dictionaries(st.just("b"), VALUES))
def test_a_template_gives_a_text_or_says_why_not(pieces: list[str], b: Any, a: Any) -> None:
    compiled = compile_mapping({"@liquid": "".join(pieces)})
    with suppress(UnmappableEvent):
        assert isinstance(compiled({"a": a, "b": b}), str)
