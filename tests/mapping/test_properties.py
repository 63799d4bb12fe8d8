"""Whatever the mapping and the event: what is compiled gives what the plain interpreter gives.

And it gives the same for what is decoded in part as for the whole event.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from doorstep.engine.mapping import DIRECTIVES, EventReader, MappingError, UnmappableEvent, compile_mapping
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.texts import text

from .interpreter import sent, transform

RULES = {name: row.rule for name, row in DIRECTIVES.items()}

KEYS = st.sampled_from(["a", "b", "c", "0", "1", "length", "x y", "é"])
NUMBERS = (
    st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0, -0.0, 1.5])
)
TEXTS = st.sampled_from(["", "a", "A-b", "0", "{{a}}", "a.b", "$.a", "😀x", "true", " "]) | text(max_size=5)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
EVENTS = st.dictionaries(KEYS, VALUES, max_size=5)
PATHS = st.sampled_from(
    ["$.a", "a.b", "b", "b[0].a", "a['b'].c", "c.0", "a.length", "", ".", "a.b.c", "$.c.b", "x y", "a.0", "é.a"]
)
TEMPLATES = st.sampled_from(["{{a}}", "x {{ b }} y {{a.b}}", "{{{a}}}", "{{", "{{{b}}} {{c}}", "", "{{.}}", "no"])


def directives(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One directive of each name, well-formed but for what can only fail when it runs."""
    objects = st.dictionaries(KEYS, inner, max_size=3)
    directive = inner.map(lambda node: node if isinstance(node, dict) else {"x": node})
    paths = st.builds(lambda path: {"@path": path}, PATHS)
    text = TEXTS | paths
    return st.one_of(
        paths,
        paths.map(lambda path: {"@path": path}),
        st.builds(lambda template: {"@template": template}, TEMPLATES | paths),
        st.builds(lambda value: {"@literal": value}, inner),
        st.builds(
            lambda asked, value, then, other: {"@if": {asked: value, "then": then, "else": other}},
            st.sampled_from(["exists", "blank"]),
            inner,
            inner,
            inner,
        ),
        st.builds(
            lambda operator, value: {"@case": {"operator": operator, "value": value}},
            st.sampled_from(["lower", "upper", "snake"]),
            text,
        ),
        st.builds(
            lambda pattern, put, value, more: {
                "@replace": {"pattern": pattern, "replacement": put, "value": value, **more}
            },
            st.sampled_from(["a", "-", ".", "A", "😀"]),
            st.sampled_from(["", "$&$&", "$$", "$`", "$'", "b", "$1"]),
            text,
            st.fixed_dictionaries(
                {},
                optional={
                    "global": st.booleans(),
                    "ignorecase": st.booleans(),
                    "pattern2": TEXTS,
                    "replacement2": st.just("z"),
                },
            ),
        ),
        st.builds(
            lambda path, shape: {"@arrayPath": [path, *shape]}, PATHS | paths, st.lists(objects | directive, max_size=1)
        ),
        st.builds(
            lambda value, separator, omit: {"@flatten": {"value": value, "separator": separator, "omitArrays": omit}},
            inner,
            st.sampled_from(["_", ".", ""]),
            st.booleans(),
        ),
        st.builds(
            lambda value, mode: {"@json": {"value": value, "mode": mode}}, inner, st.sampled_from(["encode", "ENCODE"])
        ),
        st.builds(
            lambda objects, direction: {"@merge": {"objects": objects, "direction": direction}},
            st.lists(objects | directive, max_size=3),
            st.sampled_from(["left", "right", "LEFT"]),
        ),
        st.builds(
            lambda apply, mapping: {"@transform": {"apply": apply, "mapping": mapping}},
            objects | directive,
            objects | directive,
        ),
        st.builds(lambda value: {"@excludeWhenNull": value}, inner),
    )


NODES = st.recursive(
    SCALARS | st.builds(lambda path: {"@path": path}, PATHS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3) | directives(inner),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(KEYS, NODES, max_size=3) | directives(NODES)


NOTHING = {"a": {"@path": "z"}}
TEXT_OF_NUMBERED_KEYS = {
    "@json": {"value": {"@flatten": {"value": [{"@path": ""}], "separator": "_"}}, "mode": "encode"}
}
"""Keys that are numbers come first where this comes from, and a text shows the order."""
UNDEFINED_WINS_FROM_WITHIN = {
    "@merge": {"direction": "right", "objects": [{"a": 1}, {"@merge": {"direction": "right", "objects": [NOTHING]}}]}
}
UNDEFINED_WINS_FROM_AN_ITEM = {
    "@arrayPath": [
        {"@literal": [NOTHING]},
        {"@merge": {"direction": "right", "objects": [{"a": 1}, {"@path": "."}]}},
    ]
}


def outcome(run: Any, event: Any) -> Any:
    """As text, so that 1, 1.0 and true are told apart; with keys in order, since the two may differ in that."""
    try:
        return msgspec.json.encode(run(event), order="sorted")
    except UnmappableEvent as error:
        return error


@settings(max_examples=150)
@given(MAPPINGS, EVENTS)
@example(UNDEFINED_WINS_FROM_WITHIN, {})
@example(UNDEFINED_WINS_FROM_AN_ITEM, {})
@example({"@arrayPath": [{"@literal": NOTHING}, {"x": {"@path": "."}}]}, {})
@example(TEXT_OF_NUMBERED_KEYS, {"a": None, "0": None})
def test_compiled_is_interpreted(mapping: Any, event: dict[str, Any]) -> None:
    try:
        compiled = compile_mapping(mapping)
    except MappingError:
        return
    before = copy.deepcopy(event)
    found = outcome(compiled, event)
    assert repr(event) == repr(before)
    wanted = outcome(lambda event: sent(transform(mapping, event, RULES)), event)
    if isinstance(found, UnmappableEvent):
        assert isinstance(wanted, UnmappableEvent)
    else:
        assert found == wanted
    line = msgspec.json.encode(event)
    partial = outcome(compiled, EventReader(compiled.paths).read(line))
    whole = outcome(compiled, msgspec.json.decode(line))
    assert str(partial) == str(whole)


JUNK = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            KEYS | st.sampled_from([*DIRECTIVES, "@nope", "_metadata", "value", "operator", "objects"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=300)
@example({"@arrayPath": []}, {})
@given(JUNK, JUNK)
def test_any_json_is_a_mapping_or_is_refused_and_maps_any_json_or_says_why_not(mapping: Any, event: Any) -> None:
    for node in (mapping, [mapping], {"a": [mapping]}):  # in a list nothing is checked beforehand
        try:
            compiled = compile_mapping(node)
        except MappingError:
            continue
        found = outcome(compiled, event)
        assert isinstance(found, bytes | UnmappableEvent)


@given(st.dictionaries(KEYS, NODES, max_size=4), st.dictionaries(KEYS, NODES, max_size=4), EVENTS)
def test_one_decode_does_for_several_mappings(one: Any, other: Any, event: dict[str, Any]) -> None:
    try:
        compiled = [compile_mapping(mapping) for mapping in (one, other)]
    except MappingError:
        return
    line = msgspec.json.encode(event)
    partial = EventReader([path for mapping in compiled for path in mapping.paths]).read(line)
    for mapping in compiled:
        assert str(outcome(mapping, partial)) == str(outcome(mapping, msgspec.json.decode(line)))


@pytest.mark.parametrize(
    ("mapping", "paths"),
    [
        ({"a": 1}, set()),
        ({"a": {"@path": "$.properties.total"}, "b": {"@path": "$.event"}}, {("properties", "total"), ("event",)}),
        ({"@template": "{{context.page.url}} {{context.page}}"}, {("context", "page")}),
        ({"@path": {"@path": "$.b"}}, {()}),
        ({"@template": "{{{b}}}"}, {()}),
        ({"@arrayPath": ["$.properties.products", {"id": {"@path": "$.sku"}}]}, {("properties", "products")}),
        ({"@transform": {"apply": {"x": {"@path": "b"}}, "mapping": {"y": {"@path": "x"}}}}, {("b",)}),
        (
            {"@liquid": "{{ properties.list.size }} {% if traits['a b'] %}x{% endif %}"},
            {("properties", "list"), ("traits", "a b")},
        ),
        ({"@liquid": "{{ context[userId] }}"}, {("context",), ("userId",)}),
        ({"@hash": {"value": {"@path": "$.traits.email"}}}, {("traits", "email")}),
    ],
)
def test_what_is_read_is_known(mapping: Any, paths: set[tuple[str, ...]]) -> None:
    assert compile_mapping(mapping).paths == paths


def test_what_nobody_reads_may_be_undecodable() -> None:
    mapping = compile_mapping({"a": {"@path": "$.properties.a"}})
    read = EventReader(mapping.paths).read
    assert mapping(read(b'{"context": {"x": 1e999}, "properties": {"a": 1, "b": 1e999}}')) == {"a": 1}
    with pytest.raises(msgspec.DecodeError):
        read(b'{"properties": {"a": 1e999}}')


def test_an_event_as_deep_as_the_engine_takes_is_mapped() -> None:
    deep: Any = "leaf"
    for _ in range(500):
        deep = {"a": deep}
    mapping = compile_mapping(
        {
            "flat": {"@flatten": {"value": {"@path": "$.deep"}, "separator": "."}},
            "text": {"@json": {"value": {"@path": "$.deep"}, "mode": "encode"}},
        }
    )
    found = mapping({"deep": deep})
    assert list(found["flat"].values()) == ["leaf"]
    assert len(found["text"]) == 500 * len('{"a":}') + len('"leaf"')


def test_an_event_without_end_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(UnmappableEvent, match="nested too deep"):
        compile_mapping({"a": {"@template": "{{a}}"}})({"a": endless})
