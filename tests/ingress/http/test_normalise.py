"""What Segment's bodies become: complete, compact, and otherwise as they came."""

from __future__ import annotations

import json
import time
from itertools import count
from typing import Any

import pytest
from doorstep.engine.ingress.http.normalise import BadBody, Stamp, lines_of, parse_batch, parse_event
from doorstep.engine.model import LineDecoder
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import text

RECEIVED = 1_764_417_600.123  # 2025-11-29T12:00:00.123Z
LIMIT = 32 * 1024
SLOW, ZONED, LAST = "2025-11-28T11:59:49.123Z", "2025-11-29T14:00:00.000001+01:00", "9999-12-31T23:59:59Z"


def stamp() -> Stamp:
    ids = count(1)
    return Stamp(RECEIVED, lambda: f"id-{next(ids)}")


def single(body: bytes, type_: str = "track") -> str:
    [line] = lines_of(parse_event(body, type_), stamp(), LIMIT).lines
    return line.decode()


def batch(body: bytes) -> list[str]:
    return [line.decode() for line in lines_of(parse_batch(body), stamp(), LIMIT).lines]


def test_what_is_missing_is_filled_in_and_the_write_key_goes() -> None:
    assert single(b'{ "userId": "u-1",\n "event": "Signed Up", "writeKey": "wk" }') == (
        '{"userId":"u-1","event":"Signed Up","type":"track","messageId":"id-1",'
        '"context":{"library":{"name":"unknown","version":"unknown"}},'
        '"timestamp":"2025-11-29T12:00:00.123Z","receivedAt":"2025-11-29T12:00:00.123Z"}'
    )


def test_what_is_complete_gets_its_times_only() -> None:
    body = (
        '{"type":"track","messageId":"m-1","anonymousId":null,"event":"Étoile \\u00e9","properties":{"n":1.50,"big":123456789012345678901},'
        '"context":{"library":{"name":"x"}},"integrations":{"All":true},"timestamp":"2025-11-29T11:59:00.000Z"}'
    )
    assert single(body.encode()) == body[:-1] + (
        ',"originalTimestamp":"2025-11-29T11:59:00.000Z","receivedAt":"2025-11-29T12:00:00.123Z"}'
    )


def test_the_address_says_the_type() -> None:
    assert json.loads(single(b'{"type":"track","userId":"u"}', "identify"))["type"] == "identify"


@pytest.mark.parametrize("missing", ["null", '""'])
def test_an_empty_message_id_is_none(missing: str) -> None:
    assert json.loads(single(b'{"messageId":%s}' % missing.encode()))["messageId"] == "id-1"


def test_each_event_of_a_batch_gets_an_id_of_its_own() -> None:
    made = [json.loads(line)["messageId"] for line in batch(b'{"batch":[{},{"messageId":"mine"},{}]}')]
    assert made == ["id-1", "mine", "id-2"]


@pytest.mark.parametrize(
    ("event", "timestamp", "original"),
    [
        # The client's clock is a day and a second slow: what happened 10 s before it sent happened 10 s before we received.
        (f'"timestamp":"{SLOW}","sentAt":"2025-11-28T11:59:59.123Z"', "2025-11-29T11:59:50.123Z", SLOW),
        (f'"originalTimestamp":"{SLOW}","sentAt":"2025-11-28T11:59:59.123Z"', "2025-11-29T11:59:50.123Z", SLOW),
        # Fast, with a zone and with microseconds.
        (f'"timestamp":"{ZONED}","sentAt":"2025-11-29T13:00:00.000Z"', "2025-11-29T12:00:00.123001Z", ZONED),
        # Without a zone it is UTC.
        (
            '"timestamp":"2025-11-29T11:00:00","sentAt":"2025-11-29T11:00:01"',
            "2025-11-29T11:59:59.123Z",
            "2025-11-29T11:00:00",
        ),
        # Nothing is known of the client's clock: what it says holds.
        (f'"timestamp":"{SLOW}"', SLOW, SLOW),
        (f'"timestamp":"{SLOW}","sentAt":"yesterday"', SLOW, SLOW),
        ('"timestamp":"yesterday","sentAt":"2025-11-28T11:59:59.123Z"', "yesterday", "yesterday"),
        (f'"timestamp":"{LAST}","sentAt":"2025-11-28T11:59:59.123Z"', LAST, LAST),
        ('"sentAt":"2025-11-28T11:59:59.123Z"', "2025-11-29T12:00:00.123Z", None),
        ('"timestamp":null', "2025-11-29T12:00:00.123Z", None),
    ],
)
def test_times_are_put_right_by_how_wrong_the_clients_clock_was(
    event: str, timestamp: str, original: str | None
) -> None:
    made = json.loads(single(b"{%s}" % event.encode()))
    assert (made["timestamp"], made.get("originalTimestamp")) == (timestamp, original)
    assert made["receivedAt"] == "2025-11-29T12:00:00.123Z"


def test_a_client_cannot_say_when_it_was_received() -> None:
    assert json.loads(single(b'{"receivedAt":"2001-01-01T00:00:00Z"}'))["receivedAt"] == "2025-11-29T12:00:00.123Z"


def test_a_batch_says_once_when_it_was_sent_and_an_event_may_say_otherwise() -> None:
    lines = batch(
        b'{"sentAt":"2025-11-29T11:00:00.123Z","batch":[{"timestamp":"2025-11-29T10:59:00.123Z"},'
        b'{"timestamp":"2025-11-29T10:59:00.123Z","sentAt":"2025-11-29T11:30:00.123Z"}]}'
    )
    first, second = map(json.loads, lines)
    assert (first["sentAt"], first["timestamp"]) == ("2025-11-29T11:00:00.123Z", "2025-11-29T11:59:00.123Z")
    assert (second["sentAt"], second["timestamp"]) == ("2025-11-29T11:30:00.123Z", "2025-11-29T11:29:00.123Z")


def test_context_and_integrations_of_a_batch_are_merged_in_and_the_events_own_win() -> None:
    lines = batch(
        b'{"context":{"ip":"192.0.2.1","app":{"name":"shop"}},"integrations":{"All":false,"Mixpanel":true},"batch":['
        b'{},{"context":{"ip":"192.0.2.2","library":{"name":"x"}},"integrations":{"Mixpanel":false}},{"context":null}]}'
    )
    events = [json.loads(line) for line in lines]
    unknown = {"name": "unknown", "version": "unknown"}
    assert [event["context"] for event in events] == [
        {"ip": "192.0.2.1", "app": {"name": "shop"}, "library": unknown},
        {"ip": "192.0.2.2", "app": {"name": "shop"}, "library": {"name": "x"}},
        {"ip": "192.0.2.1", "app": {"name": "shop"}, "library": unknown},
    ]
    assert [event["integrations"] for event in events] == [
        {"All": False, "Mixpanel": True},
        {"All": False, "Mixpanel": False},
        {"All": False, "Mixpanel": True},
    ]


def test_what_is_wrong_with_one_event_is_that_events_own() -> None:
    good = '{"type":"page","userId":"u"}'
    body = (
        f'{{"context":"none","batch":[{good},7,{{"type":"page"}},{{"type":"page","userId":"u","context":[1]}},{good}]}}'
    )
    decoded = LineDecoder().decode(lines_of(parse_batch(body.encode()), stamp(), LIMIT))
    assert [(one.number, one.reason) for one in decoded.rejected] == [
        (2, "not_object"),
        (3, "no_user_anon_id"),
        (4, "context_not_object"),
    ]
    assert len(decoded.lines) == 2


HALF_EMOJI = b'{"type":"track","event":"x","userId":"u","properties":{"t":"\\ud83d"}}'
DEEP = b'{"type":"track","event":"x","userId":"u","properties":{"t":%s}}' % (b"[" * 2000 + b"]" * 2000)
CONTROL = b'{"type":"track","event":"x","userId":"u","properties":{"t":"line\nend"}}'
GOOD = b'{"type":"page","userId":"u","properties":{"t":"\\ud83d\\ude00 ]} \\\\ud83d \\" {["}}'


@pytest.mark.parametrize("space", [b"", b" \n"])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (HALF_EMOJI, "not_json"),
        (b'{"\\udc00":1}', "not_json"),
        (b'{"type":"page","userId":"u","name":"\\ud83d\\u0041"}', "not_json"),
        (CONTROL, "not_json"),
        (b'[{"a":tru}]', "not_json"),
        (DEEP, "too_deep"),
        (DEEP[:-1] + b',"t":"\xff"}', "not_utf8"),
    ],
)
def test_an_event_that_is_no_json_is_refused_by_itself(bad: bytes, reason: str, space: bytes) -> None:
    body = b'{"context":{"app":{"name":"shop"}},"batch":[%s],"sentAt":"2025-11-29T11:00:00.123Z"}'
    read = lines_of(parse_batch(body % (space + b",").join([GOOD, bad, GOOD, bad, GOOD])), stamp(), LIMIT)
    decoded = LineDecoder().decode(read)
    assert [(one.number, one.reason) for one in decoded.rejected] == [(2, reason), (4, reason)]
    assert [json.loads(line)["properties"]["t"] for line in decoded.lines] == ['\U0001f600 ]} \\ud83d " {['] * 3
    assert {json.loads(line)["context"]["app"]["name"] for line in decoded.lines} == {"shop"}


def test_so_is_one_that_is_too_large_as_well() -> None:
    large = HALF_EMOJI[:-1] + b" " * LIMIT + b"}"
    read = lines_of(parse_batch(b'{"batch":[%s,%s,%s]}' % (GOOD, large, event_of(LIMIT))), stamp(), LIMIT)
    decoded = LineDecoder(max_event_bytes=LIMIT).decode(read)
    assert [(one.number, one.reason) for one in decoded.rejected] == [(2, "too_large")]
    assert len(decoded.lines) == 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"batch":[%s],"context":{"os":"\\ud83d"}}' % GOOD,
        b'{"batch":[%s],"context":{"os":{"name":"\\ud83d"}}}' % GOOD,
        b'{"batch":[%s,%s],"context":{"os":{"name":"\\ud83d"}}}' % (GOOD, HALF_EMOJI),
        b'{"batch":[%s %s]}' % (GOOD, HALF_EMOJI),
        b'{"batch":[%s,%s]' % (GOOD, HALF_EMOJI),
        b'{"batch":[%s,%s]}' % (HALF_EMOJI, b",".join([b'{"type":"page","userId":"u","p":%s}' % (b"[]" * 20)] * 2000)),
    ],
)
def test_what_is_no_json_elsewhere_refuses_them_all(body: bytes) -> None:
    with pytest.raises(BadBody) as caught:
        parse_batch(body)
    assert caught.value.code == "not_json"


@pytest.mark.parametrize(
    "body",
    [b"[" * 12_500 + b"{" * 12_500, b"]" * 250_000, b'"' * 499_999, b"x" * 500_000, b'{"":' * 25_000, b"[[]]" * 12_500],
)
def test_bodies_that_are_meant_to_be_slow_are_not(body: bytes) -> None:
    started = time.process_time()
    with pytest.raises(BadBody):
        parse_batch(body)
    assert time.process_time() - started < 0.2


def event_of(size_bytes: int) -> bytes:
    head, tail = b'{"type":"page","userId":"u","messageId":"m","properties":{"p":"', b'"}}'
    return head + b"x" * (size_bytes - len(head) - len(tail)) + tail


@pytest.mark.parametrize(("size", "is_taken"), [(LIMIT, True), (LIMIT + 1, False)])
def test_the_limit_is_on_what_the_client_sent_not_on_what_was_added(size: int, is_taken: bool) -> None:
    decoder = LineDecoder(max_event_bytes=LIMIT)
    body = b'{"batch":[{"type":"page","userId":"u"},%s]}' % event_of(size)
    decoded = decoder.decode(lines_of(parse_batch(body), stamp(), LIMIT))
    assert [(one.number, one.reason) for one in decoded.rejected] == ([] if is_taken else [(2, "too_large")])
    alone = decoder.decode(lines_of(parse_event(event_of(size), "page"), stamp(), LIMIT))
    assert [(one.number, one.reason) for one in alone.rejected] == ([] if is_taken else [(1, "too_large")])


def test_white_space_between_tokens_does_not_count() -> None:
    body = event_of(LIMIT).replace(b'":', b'" :\n\t')
    assert LineDecoder(max_event_bytes=LIMIT).decode(lines_of(parse_event(body, "page"), stamp(), LIMIT)).rejected == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"batch":[{}]', "not_json"),
        (b'{"a":"line\nend"}', "not_json"),
        (b"[" * 100_000, "too_deep"),
        (b"[]", "no_batch"),
        (b"null", "no_batch"),
        (b"{}", "no_batch"),
        (b'{"batch":{}}', "no_batch"),
        (b'{"batch":[]}', "empty_batch"),
        (b'{"batch":[%s]}' % b",".join([b"{}"] * 2501), "too_many_events"),
    ],
)
def test_bodies_that_hold_no_events_say_why(body: bytes, code: str) -> None:
    with pytest.raises(BadBody) as caught:
        parse_batch(body)
    assert caught.value.code == code


def test_as_many_events_as_a_batch_may_have_are_taken() -> None:
    assert len(batch(b'{"batch":[%s]}' % b",".join([b"{}"] * 2500))) == 2500


@pytest.mark.parametrize(("body", "code"), [(b"[]", "not_object"), (b"7", "not_object"), (b"nul", "not_json")])
def test_a_single_event_is_an_object(body: bytes, code: str) -> None:
    with pytest.raises(BadBody) as caught:
        parse_event(body, "track")
    assert caught.value.code == code


def test_the_write_key_of_a_body_is_found() -> None:
    assert parse_event(b'{"writeKey":"wk"}', "track").write_key == "wk"
    assert parse_batch(b'{"writeKey":"w\\u006b","batch":[{}]}').write_key == "wk"
    assert parse_batch(b'{"writeKey":7,"batch":[{}]}').write_key is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text(), inner, max_size=3),
    max_leaves=8,
)
ADDED = {"messageId", "context", "timestamp", "originalTimestamp", "sentAt", "receivedAt", "integrations", "writeKey"}
events = st.dictionaries(text().filter(lambda name: name not in ADDED), values, max_size=6)


@given(st.lists(events, min_size=1, max_size=4), st.sampled_from([None, 0, 3]), st.booleans())
def test_whatever_else_an_event_holds_goes_through_as_it_came(
    sent: list[dict[str, Any]], indent: int | None, is_ascii: bool
) -> None:
    body = json.dumps({"batch": sent}, indent=indent, ensure_ascii=is_ascii)
    try:
        raw = body.encode()
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    lines = lines_of(parse_batch(raw), stamp(), LIMIT).lines
    assert len(lines) == len(sent)
    for line, event in zip(lines, sent, strict=True):
        assert b"\n" not in line
        made = json.loads(line)
        assert {name: value for name, value in made.items() if name not in ADDED} == event
        assert made["messageId"].startswith("id-")
