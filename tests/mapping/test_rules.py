"""What is refused in a mapping, beyond the observed cases, and which paths one mentions."""

from __future__ import annotations

from typing import Any

import pytest
from doorstep.engine.mapping import MappingError, compile_mapping, field_value_keys


def refusal(mapping: Any) -> list[str]:
    with pytest.raises(MappingError) as caught:
        compile_mapping(mapping)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"a": {"@path": 1, "b": 2}}, "/a should only have one @-prefixed key but it has 2 keys."),
        ({"a": {"@path": "x", "@literal": 1}}, "/a should only have one @-prefixed key but it has 2 keys."),
        ({"a": {"@if": 5}}, "/a/@if should be an object but it is a number."),
        ({"a": {"@if": {"@path": "x"}}}, '/a/@if shouldn\'t have directive (@-prefixed) keys but it has "@path".'),
        ({"a": {"@arrayPath": "x"}}, "/a/@arrayPath should be an array but it is a string."),
        (
            {"a": {"@json": {"value": 1, "mode": "code"}}},
            '/a/@json/mode should be one of encode, decode but it is "code".',
        ),
        (
            {"a": {"@merge": {"objects": 5, "direction": "up"}}},
            '/a/@merge/direction should be one of left, right but it is "up".',
        ),
        (
            {"a": {"@replace": {"pattern": "a", "value": "b", "global": 1}}},
            "/a/@replace/global should be a boolean but it is a number.",
        ),
        ({"a": {"@liquid": {"@path": "x"}}}, "/a/@liquid should be a string but it is a directive."),
        ({"a": {"@hash": {"value": 1, "algorithm": "sha265"}}}, "did you mean sha256?"),
        ({"a": {"@hash": {"value": 1, "normalise": "mail"}}}, "did you mean email?"),
        (
            {"a": {"@hash": {"value": 1, "algorithm": "hmac-sha256"}}},
            '/a/@hash should have field "key" but it doesn\'t.',
        ),
        ({"a": {"@hash": {"value": 1, "key": "k"}}}, "/a/@hash takes a key only with hmac-sha256."),
        ({"a": {"@hash": {"value": 1, "normalize": "email"}}}, '/a/@hash has an unknown option "normalize"'),
        (
            {"a": {"@timestamp": {"value": 1, "zone": "Mars"}}},
            "/a/@timestamp/zone is wrong: there is no time zone 'Mars'",
        ),
        ({"a": {"@timestamp": {"value": 1, "format": "%Q"}}}, "/a/@timestamp/format is wrong: %Q is not known"),
        ({"a": {"@currency": {"value": 1}}}, '/a/@currency should have field "currency" but it doesn\'t.'),
        ({"a": {"@coalesce": [{"@nope": 1}]}}, "/a/@coalesce/0 has an invalid directive: @nope."),
        ({"a": {"@pth": "$.a"}}, "/a has an invalid directive: @pth (did you mean @path?)."),
    ],
)
def test_what_is_wrong_is_said_with_its_place(mapping: Any, said: str) -> None:
    assert any(said in line for line in refusal(mapping))


@pytest.mark.parametrize(
    ("mapping", "keys"),
    [
        ({"a": {"@path": "$.b"}, "c": [{"@path": "d"}, 1]}, ["$.b", "d"]),
        ({"@template": "{{a}} {{ b }} {{{c}}}"}, ["a", " b ", "{c"]),
        ({"@if": {"exists": {"@path": "a"}, "then": {"@path": "b"}, "else": {"@path": "c"}}}, ["a", "b", "c"]),
        ({"@if": {"then": {"@path": "b"}, "blank": {"@path": "a"}}}, ["a", "b"]),
        ({"@case": {"operator": "upper", "value": {"@path": "a"}}}, ["a"]),
        ({"@arrayPath": ["$.a", {"b": {"@path": "c"}}]}, ["c"]),
        ({"@arrayPath": [{"@path": "a"}]}, ["a"]),
        ({"@liquid": "{{ a.b | upcase }}{% if c %}{% endif %}"}, ["a.b", "c"]),
        ({"@literal": {"@path": "a"}}, []),
        ({"@excludeWhenNull": {"@path": "a"}}, []),
        ({"@merge": {"direction": "left", "objects": [{"@path": "a"}, {"b": {"@path": "c"}}]}}, ["a", "c"]),
        ({"@transform": {"apply": {"x": {"@path": "a"}}, "mapping": {"y": {"@path": "x"}}}}, ["a"]),
        ({"@hash": {"value": {"@path": "a"}}}, ["a"]),
        ({"@coalesce": [{"@path": "a"}, {"@path": ""}]}, ["a"]),
        ({"@currency": {"value": {"@path": "a"}, "currency": {"@path": "b"}}}, ["a", "b"]),
        ("text", []),
    ],
)
def test_the_paths_that_a_mapping_mentions(mapping: Any, keys: list[str]) -> None:
    assert field_value_keys(mapping) == keys


def test_equal_mappings_have_one_version() -> None:
    assert compile_mapping({"a": 1, "b": 2}).version == compile_mapping({"b": 2, "a": 1}).version
    assert compile_mapping({"a": 1}).version != compile_mapping({"a": 2}).version
