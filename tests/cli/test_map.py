"""`doorstep map`, from outside."""

from __future__ import annotations

import json

MAPPING = {
    "event": {"@path": "$.event"},
    "total": {"@path": "$.properties.total"},
    "greeting": {"@template": "Hello {{userId}}"},
    "source": "shop",
}
LINES = [
    b'{"type": "track", "event": "Order Completed", "userId": "u-1", "properties": {"total": 120.50, "x": [1]}}',
    b'{"type":"page","userId":"Zo\xc3\xab"}',
]
MAPPED = (
    b'{"event":"Order Completed","total":120.5,"greeting":"Hello u-1","source":"shop"}\n'
    b'{"greeting":"Hello Zo\xc3\xab","source":"shop"}\n'
)


def test_map_prints_what_the_mapping_makes_of_each_event(doorstep_cli, tmp_path):
    file = tmp_path / "m.json"
    file.write_text(json.dumps(MAPPING))
    done = doorstep_cli("map", str(file), input=b"\n".join(LINES))
    assert (done.returncode, done.stdout, done.stderr) == (0, MAPPED, b"")


def test_a_mapping_that_an_editor_has_put_a_byte_order_mark_before_is_taken(doorstep_cli, tmp_path):
    file = tmp_path / "m.json"
    file.write_text(json.dumps(MAPPING), "utf-8-sig")
    done = doorstep_cli("map", str(file), input=b"\n".join(LINES))
    assert (done.returncode, done.stdout, done.stderr) == (0, MAPPED, b"")


def test_map_names_what_it_cannot_map_and_goes_on(doorstep_cli, tmp_path):
    file = tmp_path / "m.json"
    file.write_text('{"id": {"@path": {"@path": "$.pointer"}}}')
    lines = [
        b'{"pointer": "$.a", "a": 1}',
        b"{",
        b'{"a": 2}',
        b'{"pointer": "b", "b": 1e999}',
        b'{"pointer": "pointer"}',
    ]
    done = doorstep_cli("map", str(file), input=b"\n".join(lines))
    assert done.returncode == 3
    assert done.stdout == b'{"id":1}\n{"id":"pointer"}\n'
    said = done.stderr.decode().splitlines()
    assert [line.split(":")[0] for line in said[:-1]] == ["line 2", "line 3", "line 4"]
    assert said[1] == "line 3: mapping_error: @path: expected string, got undefined"
    assert said[-1] == "3 broken lines left out"


def test_map_shows_everything_that_is_wrong_with_a_mapping(doorstep_cli, tmp_path):
    file = tmp_path / "m.json"
    file.write_text('{"a": {"@path": 1}, "b": {"@nope": 2}}')
    done = doorstep_cli("map", str(file), input=b"")
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "Error: /a/@path should be a string or a mapping directive but it is a number.",
        "/b has an invalid directive: @nope.",
    ]


def test_map_warns_of_what_fails_whenever_it_is_reached(doorstep_cli, tmp_path):
    file = tmp_path / "m.json"
    file.write_text('{"a": {"@if": {"exists": {"@path": "x"}, "then": {"@json": {"mode": "encode", "value": ""}}}}}')
    done = doorstep_cli("map", str(file), input=b'{"x": 1}\n{"y": 1}\n')
    assert (done.returncode, done.stdout) == (3, b"{}\n")
    assert done.stderr.decode().splitlines()[0] == 'warning: /a/@if/then/@json: @json requires a "value" key'


def test_a_mapping_that_is_no_json_is_said_to_be_none(doorstep_cli, tmp_path):
    file = tmp_path / "m.json"
    file.write_text('{\n "a": $.b}')
    done = doorstep_cli("map", str(file), input=b"")
    assert done.returncode == 2
    assert "is no JSON: JSON is malformed: invalid character (line 2, column 7)" in done.stderr.decode()
