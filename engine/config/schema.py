"""The configuration file as a JSON Schema (draft 2020-12), for editors.

Made from the same types as `build.py` reads, plus each destination of the catalogue: `settings` is what `type` says it is. (msgspec's own
generator refuses defaults of Duration and Size, for which it has no hook; and it cannot know what a reference may stand for.)
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from ..catalogue import Catalogue
from ..functions import FunctionSink
from ..settings import encode_hook, schema_hook
from .kinds import is_open
from .settings import Config, DestinationSettings

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"$ref": "#/$defs/reference"}
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_NAMES = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


def config_schema(catalogue: Catalogue | None = None) -> Schema:
    """The schema of the whole file, with the destinations that can be loaded. Plain dicts and lists, ready for JSON."""
    entries, _ = (catalogue or Catalogue.discover()).load_all()
    writer = _Writer()
    root = writer.schema(inspect.type_info(Config))
    destination = writer.defs[DestinationSettings.__name__]
    destination["properties"]["type"]["enum"] = [entry.name for entry in entries]
    destination["allOf"] = [
        _function_choice(entry.name)
        if issubclass(entry.destination, FunctionSink)
        else writer.choice(entry.name, inspect.type_info(entry.destination.Settings))
        for entry in entries
    ]
    config = writer.defs.pop(root["$ref"].rpartition("/")[2])
    config["properties"]["destinations"] |= {"minProperties": 1, "propertyNames": {"pattern": _NAMES}}
    config["required"] = ["destinations"]
    return {"$schema": DIALECT, "title": "Doorstep configuration", **config, "$defs": writer.defs}


def _function_choice(name: str) -> Schema:
    """Its settings are what its file says, which no schema can know."""
    return {"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": {"required": ["source"]}}


class _Writer:
    """Collects the Structs it meets in `defs`, each once."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {
            "reference": {"type": "string", "pattern": r"\$\{(env|file):", "description": "A value from elsewhere."}
        }
        self._names: dict[type, str] = {}

    def schema(self, type_: inspect.Type) -> Schema:
        match type_:
            case inspect.Metadata():
                return self.schema(type_.type) | (type_.extra_json_schema or {})
            case inspect.UnionType():
                return self._union(type_)
            case inspect.StructType():
                return {"type": "object"} if is_open(type_) else {"$ref": f"#/$defs/{self._define(type_)}"}
            case inspect.ListType() | inspect.VarTupleType():
                least = {"minItems": type_.min_length} if type_.min_length else {}
                return {"type": "array", "items": self.schema(type_.item_type)} | least
            case inspect.DictType():
                return {"type": "object", "additionalProperties": self.schema(type_.value_type)}
            case _:
                return _scalar(type_)

    def choice(self, name: str, settings: inspect.Type) -> Schema:
        """If the type is `name`, then the settings are these; and they are there, if any of them must be."""
        then: Schema = {"properties": {"settings": self.schema(settings)}}
        if isinstance(settings, inspect.StructType) and any(field.required for field in settings.fields):
            then["required"] = ["settings"]
        return {"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": then}

    def _union(self, type_: inspect.UnionType) -> Schema:
        present = [self.schema(option) for option in type_.types if not isinstance(option, inspect.NoneType)]
        return present[0] if len(present) == 1 else {"anyOf": present}

    def _define(self, type_: inspect.StructType) -> str:
        if type_.cls not in self._names:
            name = self._name(type_.cls)
            self._names[type_.cls] = name
            self.defs[name] = self._struct(type_)
        return self._names[type_.cls]

    def _name(self, struct: type) -> str:
        """Its own name, unless another Struct has it already: two rooms each have `TlsSettings`."""
        name = struct.__name__
        return f"{struct.__module__}.{name}" if name in self._names.values() else name

    def _struct(self, type_: inspect.StructType) -> Schema:
        properties = {field.encode_name: self._field(field) for field in type_.fields}
        required = [field.encode_name for field in type_.fields if field.required]
        if type_.tag_field:
            properties = {type_.tag_field: {"const": type_.tag}, **properties}
            required = [type_.tag_field, *required]
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        if type_.cls.__doc__:
            schema["description"] = type_.cls.__doc__.strip().partition("\n")[0]
        return schema | ({"required": required} if required else {})

    def _field(self, field: inspect.Field) -> Schema:
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        schema = self.schema(field.type)
        if default is msgspec.NODEFAULT or default is None:
            return schema
        return schema | {"default": msgspec.json.decode(msgspec.json.encode(default, enc_hook=encode_hook))}


def _scalar(type_: inspect.Type) -> Schema:
    """One value; what is not any string anyway may also be a reference."""
    match type_:
        case inspect.StrType():
            named = {"minLength": type_.min_length, "pattern": type_.pattern}
            return {"type": "string"} | {name: value for name, value in named.items() if value is not None}
        case inspect.LiteralType():
            return {"anyOf": [{"enum": list(type_.values)}, _REFERENCE]}
        case inspect.BoolType():
            return {"anyOf": [{"type": "boolean"}, _REFERENCE]}
        case inspect.IntType() | inspect.FloatType():
            bounds = {word: getattr(type_, name) for name, word in _BOUNDS.items() if getattr(type_, name) is not None}
            name = "integer" if isinstance(type_, inspect.IntType) else "number"
            return {"anyOf": [{"type": name} | bounds, _REFERENCE]}
        case inspect.CustomType():
            written = schema_hook(type_.cls)
            return written if written == {"type": "string", "writeOnly": True} else {"anyOf": [written, _REFERENCE]}
        case _:
            return {}
