"""Who gets an event: the truth table of `integrations`, the order of the checks, sampling, and scan == judge == plain Python."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from doorstep.engine.model import AnyEvent, Chunk, Envelope, Event, Receipt
from doorstep.engine.routing import Reader, Route, RoutingTable, compile_fql
from doorstep.engine.routing.columns import Remembered, share_of
from doorstep.engine.routing.table import MAX_CHUNKS
from hypothesis import given
from hypothesis import strategies as st

RECEIPT = Receipt("shop", 0.0, 0.0, "log")
ORDER = json.loads((Path(__file__).parent / "order-completed.json").read_bytes())


def envelope(
    line: bytes, number: int = 0, receipt: Receipt = RECEIPT, spec: type[Event | AnyEvent] = Event
) -> Envelope:
    return Envelope(number, line, msgspec.json.decode(line, type=spec), receipt)


def chunk_of(events: Sequence[dict[str, Any]], first: int = 0) -> Chunk:
    return Chunk(first, [envelope(json.dumps(event).encode(), first + index) for index, event in enumerate(events)], 0)


def route(trigger: str | None = None, **settings: Any) -> Route:
    return Route(name="hook", integration="Webhook", trigger=compile_fql(trigger) if trigger else None, **settings)


def scan(one: Route, *events: dict[str, Any]) -> list[str | None] | None:
    return RoutingTable([one]).scan("hook", chunk_of(events))


# The `integrations` object ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("integrations", "reason"),
    [
        (None, None),
        ({}, None),
        ({"All": True}, None),
        ({"All": False}, "integrations"),
        ({"All": None}, None),
        ({"Webhook": False}, "integrations"),
        ({"Webhook": True}, None),
        ({"All": False, "Webhook": True}, None),
        ({"All": False, "Webhook": {"channel": "#x"}}, None),
        ({"All": False, "Webhook": {}}, None),
        ({"All": False, "Webhook": None}, "integrations"),
        ({"All": True, "Webhook": False}, "integrations"),
        ({"webhook": False}, None),
        ({"all": False}, None),
        ({"Slack": False}, None),
        ({"hook": False}, "integrations"),
        ({"All": False, "hook": True}, None),
        ({"Webhook": True, "hook": False}, "integrations"),
        ({"Webhook": False, "hook": True}, None),
        ({"Webhook": False, "hook": None}, "integrations"),
    ],
)
def test_integrations(integrations: Any, reason: str | None) -> None:
    event = {"type": "track", "integrations": integrations}
    assert scan(route(), event, {"type": "page"}) == ([reason, None] if reason else None)


def test_what_was_seen_on_arrival_spares_a_look_at_each_and_changes_no_answer() -> None:
    refusing, willing = b'{"Webhook": false}', b'{"All": true}'
    lines = [b'{"type": "track", "integrations": %b}' % said for said in (refusing, willing)] + [b'{"type": "page"}']
    chunk = Chunk(0, list(map(envelope, lines)), 0)
    table = RoutingTable([route()])
    assert table.scan("hook", chunk) == ["integrations", None, None]
    for first, seen in enumerate(({refusing, willing}, {refusing, willing, b"{}", b'{"hook": false}'}), 1):
        told = msgspec.structs.replace(chunk, first=first, integrations=frozenset(seen))
        assert table.scan("hook", told) == ["integrations", None, None]
    unseen = msgspec.structs.replace(chunk, first=3, integrations=frozenset({willing}))
    assert table.scan("hook", unseen) is None, "it was looked at each all the same"


@pytest.mark.parametrize("said", [b'"some text"', b"[false]", b"12345", b"false"])
def test_an_integrations_that_is_no_object_says_nothing(said: bytes) -> None:
    line = b'{"type": "track", "integrations": %b}' % said
    event = AnyEvent(type="track", integrations=msgspec.Raw(said))
    assert RoutingTable([route()]).judge("hook", Envelope(0, line, event, RECEIPT)) is None


def test_options_that_cannot_be_decoded_still_mean_yes() -> None:
    line = b'{"type": "track", "integrations": {"All": false, "Webhook": {"x": 1e999}}}'
    assert RoutingTable([route()]).judge("hook", envelope(line)) is None


# The other checks ---------------------------------------------------------------------------------------------------


def test_nothing_to_refuse_is_plain_none() -> None:
    assert scan(route(), ORDER, {"type": "page"}) is None
    assert scan(route("type in [track, page]"), ORDER, {"type": "page"}) is None
    assert scan(route("properties.revenue > 5"), ORDER, ORDER) is None
    assert scan(route("all", sources=frozenset({"shop"}))) is None


def test_a_trigger_refuses_what_does_not_match() -> None:
    assert scan(route("type = page"), ORDER, {"type": "page"}) == ["trigger", None]
    assert scan(route("properties.revenue > 5"), {"type": "page"}, ORDER) == ["trigger", None]
    assert scan(route("!(properties.revenue > 5)"), {"type": "page"}, ORDER) == [None, "trigger"]


def test_only_events_of_its_sources_are_for_a_destination() -> None:
    other = Receipt("web", 0.0, 0.0)
    chunk = Chunk(0, [envelope(b'{"type": "page"}'), envelope(b'{"type": "page"}', 1, other)], 0)
    table = RoutingTable([route(sources=frozenset({"shop"}))])
    assert table.scan("hook", chunk) == [None, "source"]


def test_the_first_check_that_refuses_gives_the_reason() -> None:
    blocked = {"type": "page", "integrations": {"All": False}}
    everything_wrong = route("type = track", sources=frozenset({"web"}), enabled=False, sample=0.0)
    assert scan(everything_wrong, blocked) == ["source"]
    assert scan(route("type = track", enabled=False, sample=0.0), blocked) == ["disabled"]
    assert scan(route("type = track", sample=0.0), blocked) == ["integrations"]
    assert scan(route("type = track", sample=0.0), {"type": "page"}) == ["trigger"]
    assert scan(route("type = track", sample=0.0), {"type": "track"}) == ["sampling"]


def test_an_unknown_destination_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        RoutingTable([route()]).scan("nobody", chunk_of([]))


# What cannot be decoded ---------------------------------------------------------------------------------------------

UNDECODABLE = b'{"type": "track", "userId": "u", "properties": {"a": 1e999, "b": 1}}'


def test_a_part_that_the_trigger_reads_and_cannot_be_decoded_is_the_event_s_fault() -> None:
    chunk = Chunk(0, [envelope(UNDECODABLE), envelope(b'{"type": "track", "properties": {"a": 1}}', 1)], 0)
    assert RoutingTable([route("properties.a = 1")]).scan("hook", chunk) == ["undecodable", None]


def test_what_another_destination_reads_decides_nothing_here() -> None:
    others = [route("properties.a = 1"), msgspec.structs.replace(route("properties.b = 1"), name="other")]
    others.append(msgspec.structs.replace(route("userId = u and type = page"), name="third"))
    table = RoutingTable(others)
    chunk = Chunk(0, [envelope(UNDECODABLE)], 0)
    assert [table.scan(name, chunk) for name in ("hook", "other", "third")] == [["undecodable"], None, ["trigger"]]


def test_a_type_that_is_no_text_is_read_from_the_line() -> None:
    line = b'{"type": 5, "event": "x"}'
    strange = Envelope(0, line, AnyEvent(event="x"), RECEIPT)
    for text, reason in [("type > 4", None), ("type > 5", "trigger"), ("typeof(type) = number and event = x", None)]:
        assert RoutingTable([route(text)]).judge("hook", strange) == reason


# Sampling -----------------------------------------------------------------------------------------------------------


def test_the_place_of_a_key_never_changes() -> None:
    assert [share_of(key) for key in ("m-1", "log-0", "é")] == [
        0.8221868876485331,
        0.5418290562393607,
        0.7933768955844694,
    ]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 1.0])
def test_sampling_keeps_its_share_of_numbered_events(share: float) -> None:
    reasons = scan(route(sample=share), *[{"type": "page"} for _ in range(4000)]) or [None] * 4000
    assert abs(reasons.count(None) / 4000 - share) < 0.03
    assert set(reasons) <= {None, "sampling"}


def test_destinations_with_the_same_share_keep_the_same_events_and_a_larger_share_keeps_them_too() -> None:
    routes = [Route(name=name, integration=name, sample=share) for name, share in (("a", 0.3), ("b", 0.3), ("c", 0.6))]
    table = RoutingTable(routes)
    chunk = chunk_of([{"type": "page", "messageId": f"m-{number}"} for number in range(500)])
    a, b, c = (table.scan(name, chunk) for name in "abc")
    assert a == b
    assert a is not None
    assert c is not None
    assert [index for index in range(500) if a[index] is None and c[index] is not None] == []


# What the table remembers -------------------------------------------------------------------------------------------


def test_a_line_is_read_once_for_all_destinations(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = [
        Route(name=name, integration=name, trigger=compile_fql(f"properties.{name} = 1")) for name in "abcdefghij"
    ]
    table = RoutingTable(routes)
    lines: list[bytes] = []
    read_all = Reader.read_all

    def count(reader: Reader, read: Iterable[bytes]) -> list[Any]:
        lines.extend(kept := list(read))
        return read_all(reader, kept)

    monkeypatch.setattr(Reader, "read_all", count)
    chunk = chunk_of([{"type": "track", "properties": {"c": 1}}])
    reasons = {name: table.scan(name, chunk) for name in "abcdefghij"}
    assert reasons == {**{name: ["trigger"] for name in "abdefghij"}, "c": None}
    assert lines == [chunk.envelopes[0].line]


def test_no_more_than_eight_chunks_are_kept_and_a_number_alone_does_not_identify_one() -> None:
    table = RoutingTable([route("type = page"), Route(name="other", integration="Webhook")])
    for first in range(20):
        assert table.scan("hook", chunk_of([{"type": "page"}], first)) is None
        assert table.scan("hook", chunk_of([{"type": "track"}], first)) == ["trigger"]
    assert len(table._recent) == MAX_CHUNKS


def test_what_is_remembered_is_bounded() -> None:
    asked: list[int] = []
    remembered = Remembered(lambda key: asked.append(key) or key, limit=3)
    assert [remembered[key] for key in (1, 2, 1, 3, 4, 4, 1)] == [1, 2, 1, 3, 4, 4, 1]
    assert asked == [1, 2, 3, 4, 1]
    assert len(remembered) == 2


# Scan, judge and plain Python ---------------------------------------------------------------------------------------

TEXTS = st.sampled_from(["track", "page", "a", "b", ""])
LOOSE = st.none() | st.booleans() | st.integers(0, 3) | TEXTS
INTEGRATIONS = st.dictionaries(
    st.sampled_from(["All", "Webhook", "hook", "Slack"]), st.booleans() | st.none() | st.just({"x": 1}), max_size=3
)
PARTS = st.dictionaries(st.sampled_from("abc"), LOOSE | st.lists(LOOSE, max_size=2), max_size=3)
STRICT_EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "page", "identify"])},
    optional={
        "event": st.none() | TEXTS,
        "messageId": TEXTS,
        "properties": st.none() | PARTS,
        "integrations": st.none() | INTEGRATIONS,
    },
)
ANY_EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "type": LOOSE,
        "event": LOOSE,
        "messageId": TEXTS,
        "properties": LOOSE | PARTS,
        "integrations": INTEGRATIONS,
    },
)
TRIGGERS = st.sampled_from(
    [
        "all",
        "type = track",
        "type != track or event in [a, b]",
        "type > 1",
        "event = null",
        "typeof(event) = 'null'",
        "properties.a = 1",
        "type = track and properties.a > 0",
        "!contains(properties.a, a) or properties.b",
        "properties.a.length = 1",
        "length(properties) = 0",
        "messageId = a",
    ]
)
ROUTES = st.builds(
    Route,
    name=st.just("hook"),
    integration=st.just("Webhook"),
    enabled=st.sampled_from([True, True, True, False]),
    sources=st.sampled_from([None, frozenset({"shop"}), frozenset({"web"})]),
    trigger=st.none() | TRIGGERS.map(compile_fql),
    sample=st.sampled_from([1.0, 0.5, 0.0]),
)


def by_hand(one: Route, event: dict[str, Any], received: Envelope) -> str | None:
    said = {name: choice for name, choice in (event.get("integrations") or {}).items() if choice is not None}
    if one.sources is not None and received.receipt.source not in one.sources:
        return "source"
    if not one.enabled:
        return "disabled"
    if said.get("hook", said.get("Webhook", said.get("All", True))) is False:
        return "integrations"
    if one.trigger is not None and not one.trigger(event):
        return "trigger"
    return "sampling" if share_of(received.key) >= one.sample else None


def any_event(event: dict[str, Any], line: bytes) -> AnyEvent:
    texts = {name: value for name in ("type", "event", "messageId") if isinstance(value := event.get(name), str)}
    return AnyEvent(**texts, integrations=msgspec.json.decode(line, type=AnyIntegrations).integrations)


class AnyIntegrations(msgspec.Struct):
    integrations: msgspec.Raw = msgspec.Raw()


@given(
    st.lists(ROUTES, min_size=2, max_size=3),
    st.lists(STRICT_EVENTS, max_size=6) | st.none(),
    st.lists(ANY_EVENTS, max_size=6),
)
def test_scan_and_judge_say_what_plain_python_says(
    routes: list[Route], strict: list[dict[str, Any]] | None, loose: list[dict[str, Any]]
) -> None:
    events = loose if strict is None else strict
    lines = [json.dumps(event).encode() for event in events]
    if strict is None:
        decoded: list[Event | AnyEvent] = [any_event(event, line) for event, line in zip(events, lines, strict=True)]
    else:
        decoded = [msgspec.json.decode(line, type=Event) for line in lines]
    envelopes = [
        Envelope(7 + index, line, event, RECEIPT)
        for index, (line, event) in enumerate(zip(lines, decoded, strict=True))
    ]
    table = RoutingTable(
        [
            msgspec.structs.replace(one, name="hook" if not index else f"other{index}")
            for index, one in enumerate(routes)
        ]
    )
    wanted = [by_hand(routes[0], event, received) for event, received in zip(events, envelopes, strict=True)]
    assert [table.judge("hook", received) for received in envelopes] == wanted
    assert table.scan("hook", Chunk(7, envelopes, 0)) == (wanted if any(wanted) else None)


def test_a_part_that_is_null_is_read_as_missing_like_everywhere() -> None:
    table = RoutingTable([route('properties.a != "x" and !(context.b = 2)')])
    events = [{"type": "track", "properties": None, "context": None}, {"type": "track", "properties": {"a": "x"}}]
    assert table.scan("hook", chunk_of(events)) == [None, "trigger"]
