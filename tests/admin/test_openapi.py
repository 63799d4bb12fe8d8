"""The document of the API: made from the table, and true."""

from __future__ import annotations

import jsonschema
import pytest
from doorstep.engine.admin.app import resources_of
from doorstep.engine.admin.openapi import openapi


class AnyBench:
    pass


@pytest.fixture
def document(desk, looks):
    return openapi([one for one in resources_of(desk, looks, AnyBench()) if one.path.startswith("/admin")])


def test_every_address_is_in_it_with_its_role(document) -> None:
    assert document["paths"]["/admin/v1/letters/{id}"]["put"]["x-role"] == "source_admin"
    assert document["paths"]["/admin/v1/letters/{id}"]["put"]["parameters"] == [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
    ]
    assert sum(map(len, document["paths"].values())) == 31


def test_parameters_are_those_of_the_struct(document) -> None:
    parameters = {one["name"]: one["schema"] for one in document["paths"]["/admin/v1/deliveries"]["get"]["parameters"]}
    assert parameters == {
        "destination": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "limit": {"type": "integer", "minimum": 1, "maximum": 500},
        "failed": {"type": "boolean"},
    }


def test_a_rate_says_how_slow_it_may_be(document) -> None:
    rate = document["components"]["schemas"]["StrictReplay"]["properties"]["rate"]
    assert rate == {"anyOf": [{"type": "number", "minimum": 1e-5}, {"type": "null"}], "default": None}


def test_every_schema_is_one_and_every_reference_leads_somewhere(document) -> None:
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert _references(document) <= {f"#/components/schemas/{name}" for name in schemas}


def _references(value) -> set[str]:
    if isinstance(value, dict):
        here = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return here.union(*map(_references, value.values()))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()
