"""The OpenAPI document, from the table of resources."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from .messages import Refusal
from .resource import Resource

_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_ANY = {"type": "object"}


def openapi(resources: Sequence[Resource]) -> dict[str, Any]:
    """OpenAPI 3.1, whose schemas are JSON Schema as it is."""
    types = list(dict.fromkeys(type_ for one in resources for type_ in (one.body, one.answer, Refusal) if type_))
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    of_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {}
    for one in resources:
        paths.setdefault(_PARAMETER.sub(r"{\1}", one.path), {})[one.method.lower()] = _operation(one, of_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Doorstep admin API", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Resource, of_type: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": one.summary,
        "parameters": [*_of_path(one.path), *_of_query(one.query)],
        "responses": _responses(one, of_type),
    }
    if one.body:
        content = {"application/json": {"schema": of_type[one.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    if one.role:
        operation |= {"security": [{"token": []}], "x-role": one.role}
    return operation


def _responses(one: Resource, of_type: dict[Any, Any]) -> dict[str, Any]:
    refused = {"description": "Refused.", "content": {"application/json": {"schema": of_type[Refusal]}}}
    if one.answer is None and one.media == "application/json":
        return {"204": {"description": "Done."}, "default": refused}
    schema = of_type[one.answer] if one.answer else {"type": "string"}
    return {"200": {"description": "The answer.", "content": {one.media: {"schema": schema}}}, "default": refused}


def _of_path(path: str) -> Iterable[dict[str, Any]]:
    for name, kind in _PARAMETER.findall(path):
        schema = {"type": "integer", "minimum": 0} if kind == "int" else {"type": "string", "minLength": 1}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _of_query(query: type[msgspec.Struct] | None) -> Iterable[dict[str, Any]]:
    if query is None:
        return
    info = inspect.type_info(query)
    assert isinstance(info, inspect.StructType)
    [_], components = msgspec.json.schema_components([query], ref_template=_REF)
    properties = components[query.__name__]["properties"]
    for field in info.fields:
        schema = {key: value for key, value in properties[field.name].items() if key != "default"}
        yield {"name": field.name, "in": "query", "required": field.required, "schema": schema, "explode": False}
