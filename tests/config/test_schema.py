"""The schema says what the loader does: the same keys, the same verdict on what is right and wrong."""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from doorstep.engine.catalogue import Catalogue
from doorstep.engine.config import Config, config_schema, load_config
from doorstep.engine.settings import Settings
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

HOOK = '[destinations.hook]\ntype = "acme"\nsettings = { url = "https://acme.example" }\n'


@functools.cache
def validator(catalogue: Catalogue) -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    schema = config_schema(catalogue)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def structs(type_: inspect.Type, seen: dict[type, inspect.StructType]) -> dict[type, inspect.StructType]:
    """Every Struct that can be reached from a type."""
    if isinstance(type_, inspect.StructType) and type_.cls not in seen:
        seen[type_.cls] = type_
        for field in type_.fields:
            structs(field.type, seen)
    for inner in ("type", "item_type", "value_type"):
        if isinstance(getattr(type_, inner, None), inspect.Type):
            structs(getattr(type_, inner), seen)
    for option in getattr(type_, "types", ()):
        structs(option, seen)
    return seen


def all_structs() -> list[inspect.StructType]:
    found = structs(inspect.type_info(Config), {})
    entries, problems = Catalogue.discover().load_all()
    assert problems == []
    for entry in entries:
        structs(inspect.type_info(entry.destination.Settings), found)
    return [struct for cls, struct in found.items() if cls is not Settings]


@pytest.mark.parametrize("struct", all_structs(), ids=lambda struct: f"{struct.cls.__module__}.{struct.cls.__name__}")
def test_every_setting_is_described(struct: inspect.StructType) -> None:
    assert struct.cls.__doc__
    assert struct.forbid_unknown_fields
    for field in struct.fields:
        options = [field.type, *getattr(field.type, "types", ())]
        texts = [o.extra_json_schema for o in options if isinstance(o, inspect.Metadata) and o.extra_json_schema]
        assert len(texts) == 1, field.name
        assert texts[0]["description"][-1] == ".", field.name


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from objects(inner)


def test_the_schema_is_plain_json_with_every_reference_there() -> None:
    schema = config_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    used = {inner["$ref"] for inner in objects(schema) if "$ref" in inner}
    assert used == {f"#/$defs/{name}" for name in schema["$defs"]}


def test_defaults_and_examples_are_as_they_would_be_written() -> None:
    defs = config_schema()["$defs"]
    timeout = defs["DestinationSettings"]["properties"]["timeout"]
    assert (timeout["default"], timeout["examples"]) == ("15s", ["15s"])
    assert defs["EngineSettings"]["properties"]["max_event_bytes"]["default"] == "32KiB"
    assert defs["BatchSettings"]["properties"]["max_wait"]["default"] == "100ms"
    assert "default" not in defs["DestinationSettings"]["properties"]["trigger"]


def test_settings_are_what_the_type_says(catalogue: Catalogue) -> None:
    destination = config_schema(catalogue)["$defs"]["DestinationSettings"]
    assert destination["properties"]["type"]["enum"] == ["acme"]
    assert destination["allOf"] == [
        {
            "if": {"properties": {"type": {"const": "acme"}}, "required": ["type"]},
            "then": {"properties": {"settings": {"$ref": "#/$defs/AcmeSettings"}}, "required": ["settings"]},
        }
    ]


def test_every_type_of_the_catalogue_is_in_it() -> None:
    destination = config_schema()["$defs"]["DestinationSettings"]
    assert destination["properties"]["type"]["enum"] == Catalogue.discover().names()
    assert len(destination["allOf"]) == len(Catalogue.discover().names())


RIGHT = [
    HOOK,
    HOOK + 'timeout = "1.5h"\nin_flight = 3\nsample = 0.5\nmailbox = { max_bytes = 4096 }\n',
    HOOK + 'timeout = "${env:T}"\nin_flight = "${env:N:-3}"\noverflow = "${file:o}"\n',
    '[engine]\nbackend = "trio"\nspec = "any"\n[[ingress]]\ntype = "tcp"\nlisten = ":1"\n' + HOOK,
    '[[ingress]]\ntype = "http"\nlisten = ":1"\nkeys = [{ key = "k", name = "web", rate = "5/s" }]\n' + HOOK,
]
WRONG = [
    "",
    "[destinations]",
    '[destinations.hook]\ntype = "acme"',
    '[destinations."a b"]\ntype = "acme"\nsettings = { url = "https://acme.example" }',
    '[destinations.hook]\ntype = "nope"\nsettings = {}',
    HOOK + "tiemout = 3",
    HOOK + "timeout = 3",
    HOOK + 'timeout = "3 apples"',
    HOOK + "in_flight = 0",
    HOOK + 'in_flight = "3"',
    HOOK + "sample = 1.5",
    HOOK + "sources = []",
    HOOK + "consent = []",
    HOOK + 'overflow = "drop"',
    HOOK + 'rate = { unit = "events" }',
    '[engine]\ndurability = "paper"\n' + HOOK,
    '[[ingress]]\ntype = "http"\nlisten = ":1"\nkeys = [{ key = "k" }]\n' + HOOK,
    '[[ingress]]\nname = "x"\n' + HOOK,
    '[destinations.hook]\ntype = "acme"\nsettings = { url = "https://acme.example", colour = 1 }',
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_is_valid(text: str, catalogue: Catalogue) -> None:
    environ = {"T": "3s"}
    assert list(validator(catalogue).iter_errors(tomllib.loads(text))) == []
    if "${file" not in text:
        assert load_config(text=text, environ=environ, catalogue=catalogue).destinations


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_invalid(text: str, catalogue: Catalogue) -> None:
    assert not validator(catalogue).is_valid(tomllib.loads(text))


@functools.cache
def real_catalogue() -> Catalogue:
    return Catalogue.discover()


OPTIONAL = {
    "integration": '"Mine"',
    "enabled": "false",
    "start": '"now"',
    "owner": '"team"',
    "sources": '["stdin"]',
    "consent": '["Advertising", "Analytics"]',
    "fields": '{ deny = ["context.ip", "properties.products.cost"] }',
    "trigger": "'type = \"track\"'",
    "sample": "0.25",
    "actions": "{}",
    "batch": '{ max_events = 5, max_bytes = "1KiB", max_wait = "0s" }',
    "rate": '{ per_second = 0.5, burst = 3, unit = "requests" }',
    "in_flight": "1",
    "timeout": '"250ms"',
    "retry": '{ attempts = 5, base = "1s", cap = "10m", give_up_after = "4h" }',
    "breaker": '{ consecutive = 2, open = "1s", max_open = "2s" }',
    "mailbox": '{ max_bytes = "1MiB" }',
    "backlog": '{ max_bytes = "8GiB" }',
    "overflow": '"drop_newest"',
    "tls": "{ insecure_skip_verify = false }",
    "proxy": '"http://proxy:3128"',
}


def test_the_optional_keys_above_are_all_there_are(catalogue: Catalogue) -> None:
    properties = config_schema(catalogue)["$defs"]["DestinationSettings"]["properties"]
    assert set(properties) - {"type", "settings", "source"} == set(OPTIONAL)


@settings(deadline=None)
@given(chosen=st.sets(st.sampled_from(sorted(OPTIONAL))))
def test_any_subset_of_the_optional_keys_loads_and_is_valid(chosen: set[str]) -> None:
    durability = "memory" if "overflow" in chosen else "disk"
    chosen -= {"backlog"} if "overflow" in chosen else set()  # one is for memory, the other for a journal
    text = (
        f'[engine]\ndurability = "{durability}"\n'
        '[destinations.hook]\ntype = "webhook"\nsettings = { url = "https://acme.example" }\n'
    ) + "".join(f"{key} = {OPTIONAL[key]}\n" for key in sorted(chosen))
    assert validator(real_catalogue()).is_valid(tomllib.loads(text))
    destination = load_config(text=text, environ={}, catalogue=real_catalogue()).destinations["hook"]
    assert isinstance(destination, msgspec.Struct)
    assert destination.enabled is ("enabled" not in chosen)
    assert float(destination.timeout) == (0.25 if "timeout" in chosen else 15.0)
