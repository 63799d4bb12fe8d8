"""Every line gets the verdict it deserves, whoever its neighbours are."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import msgspec
import pytest
from doorstep.engine.ingress.splitter import LineSplitter
from doorstep.engine.model import AnyEvent, Consent, Context, Decoded, Event, LineDecoder, Lines, Rejection
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import text

GOOD = b'{"type":"track","event":"Viewed","userId":"u-1","properties":{"a":1}}'


def lines_of(*lines: bytes) -> Lines:
    return Lines(list(lines), range(1, len(lines) + 1), (), len(lines))


def test_a_bad_line_has_its_reason_and_number_and_its_neighbours_go_on(bad_line: bytes, reason: str) -> None:
    decoded = LineDecoder().decode(lines_of(GOOD, bad_line, GOOD))
    assert decoded.lines == [GOOD, GOOD]
    assert [(rejection.number, rejection.reason) for rejection in decoded.rejected] == [(2, reason)]
    assert [event.event for event in decoded.events] == ["Viewed", "Viewed"]


def test_the_detail_of_a_rejection_never_shows_content(bad_line: bytes, reason: str) -> None:
    """Positions and types; of the words in the line only names of fields may be there."""
    verdict = LineDecoder().judge(bad_line)
    assert isinstance(verdict, tuple)
    assert not any(
        word in verdict[1] for word in ("Viewed", "Advertising", "example.com", "u-1", "granted", "purchase", "batch")
    )


def test_the_corpus_has_no_kind_of_line_twice(corpus: dict[str, Any]) -> None:
    bad = corpus["BAD"]
    assert len(bad) == len({name for name, _, _ in bad}) >= 250
    assert len({line for _, line, _ in bad}) == len(bad)
    assert not any(b"\n" in line or line.endswith(b"\r") or not line.strip() for _, line, _ in bad)
    assert len({reason for _, _, reason in bad}) == 26


@pytest.mark.parametrize("read_bytes", [1000, 65536, 10**9])
def test_bad_lines_between_good_ones_leave_them_byte_for_byte(corpus: dict[str, Any], read_bytes: int) -> None:
    bad = corpus["BAD"]
    good = [corpus["good"](number) for number in range(len(bad))]
    data = b"".join(g + b"\n" + line + b"\r\n" for g, (_, line, _) in zip(good, bad, strict=True))
    splitter, decoder = LineSplitter(corpus["MAX_EVENT_BYTES"]), LineDecoder()
    lines: list[bytes] = []
    rejected: dict[int, str] = {}
    for start in range(0, len(data), read_bytes):
        read = splitter.feed(data[start : start + read_bytes])
        if read is not None:
            decoded = decoder.decode(read)
            lines += decoded.lines
            rejected |= {rejection.number: rejection.reason for rejection in decoded.rejected}
    assert lines == good
    assert rejected == {2 * position: reason for position, (_, _, reason) in enumerate(bad, 1)}


def test_the_events_of_real_sdks_are_all_taken(sdk_events: list[bytes]) -> None:
    decoded = LineDecoder().decode(lines_of(*sdk_events))
    assert len(sdk_events) == 63
    assert decoded.rejected == []
    assert decoded.lines == sdk_events
    for line, event in zip(sdk_events, decoded.events, strict=True):
        truth = json.loads(line)
        assert isinstance(event, Event)
        assert (event.type, event.messageId, event.userId, event.anonymousId, event.event) == tuple(
            truth.get(name) for name in ("type", "messageId", "userId", "anonymousId", "event")
        )


def test_the_events_of_real_sdks_are_objects_to_spec_any(sdk_events: list[bytes]) -> None:
    decoded = LineDecoder("any").decode(lines_of(*sdk_events))
    assert decoded.lines == sdk_events
    assert decoded.rejected == []


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b' \t{"type" : "track" , "event":"V","userId":"u"} \t', id="white space"),
        pytest.param(b'{"type":"track","event":"V","userId":"u","properties":{"a":1e999}}', id="number beyond floats"),
        pytest.param(
            b'{"type":"track","event":"V","userId":"u","properties":{"a":%s}}' % (b"9" * 500), id="500 digits"
        ),
        pytest.param(b'{"type":"track","event":"V","userId":"u","properties":null,"context":null}', id="null parts"),
        pytest.param(b'{"type":"track","event":"V","userId":"u","integrations":null}', id="null integrations"),
        pytest.param(b'{"type":"track","event":"V","userId":"u","context":{"consent":null}}', id="null consent"),
        pytest.param(
            b'{"type":"track","event":"V","userId":"u","context":{"consent":{"categoryPreferences":{}}}}',
            id="no category",
        ),
        pytest.param(b'{"type":"track","event":"V","userId":"","anonymousId":"a"}', id="one id"),
        pytest.param(b'{"type":"track","event":"V","userId":"u","messageId":""}', id="empty messageId"),
        pytest.param(rb'{"type":"tra\u0063k","event":"V","userId":"u"}', id="escaped type"),
        pytest.param(rb'{"\u0074ype":"track","event":"V","userId":"u"}', id="escaped key"),
        pytest.param(
            rb'{"type":"track","event":"\ud83d\ude00","userId":"\u0000"}', id="surrogate pair and NUL, escaped"
        ),
        pytest.param(b'{"type":"track","event":"V","userId":"u","userId":"v"}', id="key twice"),
        pytest.param(b'{"type":"page","userId":"u"}', id="page without a name"),
        pytest.param(b'{"type":"delete","userId":"u"}', id="delete"),
        pytest.param(b'{"type":"identify","anonymousId":"a","event":"","groupId":null}', id="others' fields empty"),
        pytest.param(
            b'{"type":"track","event":"V","userId":"u","properties":{"a":%s%s}}' % (b"[" * 510, b"]" * 510),
            id="depth 512",
        ),
        pytest.param(b'{"type":"track","event":"V","userId":"u","a":"%s"}' % (b"[{" * 5000), id="brackets in a string"),
        pytest.param(
            rb'{"type":"track","event":"V","userId":"u","a":"\"%s\\"}' % (b"[" * 5000), id="brackets after a quote"
        ),
        pytest.param(b'{"type":"track","event":"V","userId":"u","a":[%s0]}' % (b"[]," * 5000), id="wide, not deep"),
    ],
)
def test_an_odd_line_that_is_an_event(line: bytes) -> None:
    decoded = LineDecoder().decode(lines_of(line))
    assert (decoded.lines, decoded.rejected) == ([line], [])


def test_a_line_of_exactly_the_limit_is_taken() -> None:
    assert LineDecoder(max_event_bytes=len(GOOD)).decode(lines_of(GOOD)).lines == [GOOD]
    assert LineDecoder(max_event_bytes=len(GOOD) - 1).decode(lines_of(GOOD)).rejected == [Rejection(1, "too_large")]


def test_lines_that_the_splitter_skipped_are_rejected_too() -> None:
    decoded = LineDecoder().decode(Lines([GOOD, b"x"], [1, 4], [2, 3], 5))
    assert [(rejection.number, rejection.reason) for rejection in decoded.rejected] == [
        (2, "too_large"),
        (3, "too_large"),
        (4, "not_json"),
    ]


def test_a_read_of_nothing_is_nothing() -> None:
    assert LineDecoder().decode(Lines([], [], (), 3)) == Decoded([], [], [], frozenset())


def test_integrations_are_checked_each_time_however_often_they_came() -> None:
    decoder = LineDecoder()
    good = GOOD[:-1] + b',"integrations":{"All":false}}'
    bad = GOOD[:-1] + b',"integrations":[]}'
    for _ in range(3):
        decoded = decoder.decode(lines_of(good, bad))
        assert [rejection.reason for rejection in decoded.rejected] == ["integrations_not_object"]


@pytest.mark.parametrize(
    ("line", "event"),
    [
        pytest.param(b"{}", AnyEvent(), id="empty"),
        pytest.param(b'{"type":5,"messageId":"m"}', AnyEvent(messageId="m"), id="type is no string"),
        pytest.param(b'{"event":[1],"type":"x"}', AnyEvent(type="x"), id="event is no string"),
        pytest.param(b'{"context":7,"integrations":7}', AnyEvent(), id="parts are no objects"),
        pytest.param(
            b'{"context":{"consent":1},"type":"x"}',
            AnyEvent(type="x", context=Context(Consent({}))),
            id="consent that cannot be read is no consent",
        ),
        pytest.param(b'{"integrations":null,"type":1}', AnyEvent(), id="integrations are null"),
    ],
)
def test_spec_any_takes_every_object(line: bytes, event: AnyEvent) -> None:
    assert LineDecoder("any").decode(lines_of(line)) == Decoded([line], [event], [], frozenset())


@pytest.mark.parametrize("spec", ["segment", "any"])
def test_the_different_integrations_objects_of_a_read_are_told(spec: Any) -> None:
    parts = ['{"All":true}', "{}", '{"All":true}', '{"x":{"list":[1]},"All":false}']
    lines = [f'{{"type":"track","event":"e","userId":"u","integrations":{part}}}'.encode() for part in parts]
    decoded = LineDecoder(spec).decode(lines_of(*lines, b'{"type":"track","event":"e","userId":"u"}'))
    assert decoded.integrations == {b'{"All":true}', b"{}", b'{"x":{"list":[1]},"All":false}'}
    assert LineDecoder(spec).decode(lines_of(*lines, b"[]")).integrations is None, "one by one they are not looked at"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[]", "not_object"),
        (b"1", "not_object"),
        (b'{"a":', "not_json"),
        (b'{"type":5', "not_json"),
        (b'{"type":5,"a":"\xff"}', "not_utf8"),
        (b'{"type":5,"a":%s}' % (b"[" * 600 + b"]" * 600), "too_deep"),
        (rb'{"type":5,"messageId":"\ud800"}', "not_json"),
        (b'{"type":5}' + b" " * 40_000, "too_large"),
    ],
)
def test_spec_any_takes_nothing_but_objects(line: bytes, reason: str) -> None:
    decoded = LineDecoder("any").decode(lines_of(GOOD, line, GOOD))
    assert [(rejection.number, rejection.reason) for rejection in decoded.rejected] == [(2, reason)]
    assert decoded.lines == [GOOD, GOOD]


@pytest.mark.parametrize("spec", ["segment", "any"])
def test_the_verdict_does_not_depend_on_the_stack_of_the_caller(spec: Any, corpus: dict[str, Any]) -> None:
    lines = [line for _, line, reason in corpus["BAD"] if reason == "too_deep"]
    fits = b'{"type":"track","event":"V","userId":"u","properties":{"a":%s%s}}' % (b"[" * 400, b"]" * 400)

    def reasons(depth: int) -> list[str]:
        if depth:
            return reasons(depth - 1)
        return [rejection.reason for rejection in LineDecoder(spec).decode(lines_of(fits, *lines)).rejected]

    assert reasons(0) == reasons(250) == ["too_deep"] * len(lines)


def test_a_line_made_to_be_slow_is_not() -> None:
    """Quotes that are never closed: were each taken for the start of another string, this would be 10^10 steps."""
    line = b'"' + b"[" * 600 + rb"\"" * 100_000
    started = time.process_time()
    decoded = LineDecoder(max_event_bytes=10**6).decode(lines_of(line))
    assert [rejection.reason for rejection in decoded.rejected] == ["not_json"]
    assert time.process_time() - started < 2


_fragments = st.sampled_from(
    [
        *(
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b",",
            b":",
            b"\\",
            b"1",
            b"-",
            b"null",
            b"true",
            b" ",
            b"\x00",
            b"\xff",
            b"\xc3",
            b"\xa9",
        ),
        *(
            b'"type":',
            b'"track"',
            b'"userId":"u"',
            b'"event":"V"',
            b'"context":{"consent":',
            b'"integrations":{',
            b'"a":1',
        ),
        *(
            rb"\ud800",
            b'"properties":{}',
            b'"categoryPreferences":{"A":true}',
            b'{"type":"track","event":"V","userId":"u"',
        ),
    ]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(text(max_size=5), children, max_size=3),
    max_leaves=6,
)
_objects = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["track", "identify", "group", "alias", "page"]) | _values,
        **{
            name: st.just("u") | _values
            for name in ("userId", "anonymousId", "event", "messageId", "groupId", "previousId")
        },
        **dict.fromkeys(("properties", "traits", "integrations", "timestamp", "name"), _values),
        "context": _values
        | st.fixed_dictionaries({"consent": _values | st.fixed_dictionaries({"categoryPreferences": _values})}),
    },
).map(lambda fields: json.dumps(fields, ensure_ascii=len(fields) % 2 == 0).encode("utf-8", "surrogatepass"))
_lines = st.one_of(
    st.just(GOOD),
    st.binary(max_size=40),
    _objects,
    st.lists(_fragments, max_size=12).map(b"".join),
    st.builds(
        lambda line, at, new: line[: at % len(line)] + new + line[at % len(line) + 1 :],
        st.just(GOOD),
        st.integers(0),
        st.binary(max_size=2),
    ),
)


@given(lines=st.lists(_lines, max_size=8), spec=st.sampled_from(["segment", "any"]))
def test_a_verdict_depends_on_nothing_but_the_line(lines: list[bytes], spec: Any) -> None:
    together = LineDecoder(spec, 200)
    decoded = together.decode(lines_of(*lines))
    taken: list[bytes] = []
    events: list[Any] = []
    rejected: list[Rejection] = []
    for number, line in enumerate(lines, 1):
        verdict = LineDecoder(spec, 200).judge(line)
        assert together.judge(line) == verdict
        if isinstance(verdict, tuple):
            rejected.append(Rejection(number, *verdict))
        else:
            taken.append(line)
            events.append(verdict)
    assert (decoded.lines, list(decoded.events), decoded.rejected) == (taken, events, rejected)


@given(line=_lines)
def test_what_is_taken_is_json_to_everybody(line: bytes) -> None:
    """Python's parser is a witness: stricter here than by default, since NaN is none and strings hold no control characters."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        truth = json.loads(line.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        truth = None
    for spec in ("segment", "any"):
        if not isinstance(LineDecoder(spec).judge(line), tuple):
            assert isinstance(truth, dict)
    if isinstance(truth, dict) and "\\ud" not in line.decode().lower():
        assert not isinstance(LineDecoder("any").judge(line), tuple)


def test_events_are_as_small_as_they_look(corpus: dict[str, Any]) -> None:
    """Nothing of the parts is kept, so a chunk of events costs little more than its bytes."""
    event = LineDecoder().decode(lines_of(corpus["good"](1))).events[0]
    assert isinstance(event, Event)
    assert bytes(event.integrations) == b'{"All":true}'
    assert sys.getsizeof(event) < 250
    assert msgspec.structs.asdict(event)["userId"] == "u-1"


def test_what_an_ingress_added_to_a_line_does_not_count() -> None:
    line = b'{"type":"page","userId":"u","name":"%s"}' % (b"x" * 100)
    decoder = LineDecoder(max_event_bytes=len(line) - 10)
    for allowance, reasons in ((9, ["too_large"]), (10, [])):
        decoded = decoder.decode(Lines([line, b"{}"], [1, 2], allowance=allowance))
        assert [one.reason for one in decoded.rejected if one.number == 1] == reasons
