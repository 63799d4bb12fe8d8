"""The mapping kit as plainly as the reference's text says it, one function for a section: what the compiled one is held against.

It walks the mapping anew for each event, builds everything with UNDEFINED in it and cleans at the end.
"""

from __future__ import annotations

import re
from typing import Any

from doorstep.engine.errors import UnmappableEvent
from doorstep.engine.mapping.jsontext import json_text
from doorstep.engine.mapping.rules import Validation
from doorstep.engine.mapping.values import UNDEFINED, is_falsy, items_in_order, length, number_text, real_type, units


def transform(mapping: Any, data: Any, rules: Any) -> Any:
    """Section 3: checked, resolved, cleaned; holes in lists stay UNDEFINED."""
    if not isinstance(data, dict):
        raise UnmappableEvent(f"data must be an object, got {real_type(data)}")
    validation = Validation(rules)
    validation.any(mapping, ())
    if validation.problems:
        raise UnmappableEvent("invalid")
    return remove_undefined(Interpreter(rules).resolve(mapping, data))


def sent(value: Any) -> Any:
    """As JSON has it: null for undefined."""
    if value is UNDEFINED:
        return None
    if isinstance(value, dict):
        return {key: sent(inner) for key, inner in value.items()}
    return [sent(item) for item in value] if isinstance(value, list) else value


def remove_undefined(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: remove_undefined(inner) for key, inner in value.items() if inner is not UNDEFINED}
    return [remove_undefined(item) for item in value] if isinstance(value, list) else value


def get(root: Any, path: str) -> Any:
    """Section 2."""
    if path in ("", "."):
        return root
    pieces = [piece for piece in re.split(r"""\[(?=["'0-9])|\.|(?<=["'0-9])\]+""", path) if piece]
    value = root
    for key in [re.sub("[\"']", "", piece) for piece in pieces]:
        if is_falsy(value):
            return value
        value = member(value, key)
    return value


def member(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key, UNDEFINED)
    if isinstance(value, list | str):
        members = list(value) if isinstance(value, list) else units(value)
        if key == "length":
            return len(members)
        if re.fullmatch(r"0|[1-9][0-9]{0,8}", key) and int(key) < len(members):
            return members[int(key)]
    return UNDEFINED


def text(value: Any) -> str:
    """Section 1.5."""
    if value is None or value is UNDEFINED:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, list):
        return ",".join(text(item) for item in value)
    return "[object Object]" if isinstance(value, dict) else str(value)


def directive(node: dict[str, Any]) -> str | None:
    names = [key for key in node if key.startswith("@")]
    return names[0] if names and all(key in names or key == "_metadata" for key in node) else None


class Interpreter:
    """Section 4. Options are in the order of the reference's text."""

    def __init__(self, rules: Any) -> None:
        self.rules = rules

    def resolve(self, node: Any, payload: Any) -> Any:
        if isinstance(node, list):
            return [self.resolve(item, payload) for item in node]
        if not isinstance(node, dict):
            return node
        name = directive(node)
        if name is None:
            return {key: self.resolve(value, payload) for key, value in node.items()}
        run = getattr(self, name.replace("@", "run_"), None)
        if run is None:
            raise UnmappableEvent(f"{name} is not a valid directive, got undefined")
        return run(node[name], payload)

    def string(self, name: str, options: Any, payload: Any) -> str:
        value = self.resolve(options, payload)
        if not isinstance(value, str):
            raise UnmappableEvent(f"{name}: expected string, got {real_type(value)}")
        return value

    def run_path(self, options: Any, payload: Any) -> Any:
        return get(payload, self.string("@path", options, payload).replace("$.", "", 1))

    def run_template(self, options: Any, payload: Any) -> Any:
        template = self.string("@template", options, payload)
        for expression in (r"\{\{\{([^}]+)\}\}\}", r"\{\{([^}]+)\}\}"):
            template = re.sub(expression, lambda found: text(get(payload, found[1].strip())), template)
        return template

    def run_literal(self, options: Any, payload: Any) -> Any:
        return self.resolve(options, payload)

    def run_if(self, options: Any, payload: Any) -> Any:
        if is_falsy(options.get("exists")) and is_falsy(options.get("blank")):
            raise UnmappableEvent('@if requires an "exists" key or a "blank" key')
        if "exists" in options:
            met = self.resolve(options["exists"], payload) not in (None, UNDEFINED)
        else:
            value = self.resolve(options["blank"], payload)
            blank = value in (None, UNDEFINED) or (not isinstance(value, dict) and text(value) == "")
            met = not (blank or value is False or (isinstance(value, int | float) and value == 0))
        if met:
            return self.resolve(options["then"], payload) if "then" in options else UNDEFINED
        return UNDEFINED if is_falsy(options.get("else")) else self.resolve(options["else"], payload)

    def run_case(self, options: Any, payload: Any) -> Any:
        if is_falsy(options.get("operator")):
            raise UnmappableEvent('@case requires a "operator" key')
        if is_falsy(options.get("value")):
            return UNDEFINED
        value = self.resolve(options["value"], payload)
        if not isinstance(value, str):
            return value
        if options["operator"] not in ("lower", "upper"):
            raise UnmappableEvent('operator key should have a value of "lower" or "upper"')
        return value.lower() if options["operator"] == "lower" else value.upper()

    def run_replace(self, options: Any, payload: Any) -> Any:
        if is_falsy(options.get("value")):
            return UNDEFINED
        value = self.resolve(options["value"], payload)
        value = text(value) if isinstance(value, bool | int | float) else value
        if not isinstance(value, str):
            return ""
        value = self.replaced(value, options, options["pattern"], options.get("replacement", ""))
        if options.get("pattern2"):
            if length(options["pattern2"]) > 10:
                raise UnmappableEvent('@replace requires a "pattern" less than 10 characters')
            value = self.replaced(value, options, options["pattern2"], options.get("replacement2") or "")
        return value

    def replaced(self, value: str, options: Any, pattern: str, replacement: str) -> str:
        result, at = "", 0
        flags = re.IGNORECASE if options.get("ignorecase", False) else re.NOFLAG
        for found in re.finditer(re.escape(pattern), value, flags):
            special = {"$": "$", "&": found[0], "`": value[: found.start()], "'": value[found.end() :]}
            put = re.sub(r"\$([$&`'])", lambda match, special=special: special[match[1]], replacement)
            result, at = result + value[at : found.start()] + put, found.end()
            if not options.get("global", True):
                break
        return result + value[at:]

    def run_arrayPath(self, options: Any, payload: Any) -> Any:
        path, shape = options[0], options[1] if len(options) > 1 else UNDEFINED
        root = get(payload, path.replace("$.", "", 1)) if isinstance(path, str) else self.resolve(path, payload)
        if isinstance(root, dict | list) and isinstance(shape, dict) and shape:
            return [self.resolve(shape, item) for item in (root if isinstance(root, list) else [root])]
        return root

    def run_flatten(self, options: Any, payload: Any) -> Any:
        if is_falsy(options.get("separator")):
            raise UnmappableEvent('@flatten requires a "separator" key')
        leaves: dict[str, Any] = {}

        def visit(value: Any, name: str) -> None:
            if isinstance(value, list) and is_falsy(options.get("omitArrays")):
                value = {str(position): item for position, item in enumerate(value)}
            if not isinstance(value, dict):
                leaves[name] = value
                return
            for key, inner in items_in_order(value):
                visit(inner, name + options["separator"] + key if name else key)

        visit(self.resolve(options["value"], payload), "")
        return leaves

    def run_json(self, options: Any, payload: Any) -> Any:
        if is_falsy(options["value"]):
            raise UnmappableEvent('@json requires a "value" key')
        value = self.resolve(options["value"], payload)
        if options["mode"] == "encode":
            return UNDEFINED if value is UNDEFINED else json_text(value)
        return value if options["mode"] == "decode" and not isinstance(value, str) else UNDEFINED

    def run_merge(self, options: Any, payload: Any) -> Any:
        if is_falsy(options.get("direction")):
            raise UnmappableEvent('@merge requires a "direction" key')
        objects = options["objects"][::-1] if options["direction"] == "left" else options["objects"]
        merged: dict[str, Any] = {}
        for item in objects:
            source = self.resolve(item, payload)
            source = units(source) if isinstance(source, str) else source
            if isinstance(source, list):
                source = {str(position): inner for position, inner in enumerate(source)}
            merged.update(source if isinstance(source, dict) else {})
        return merged

    def run_transform(self, options: Any, payload: Any) -> Any:
        return self.resolve(options["mapping"], transform(options["apply"], payload, self.rules))

    def run_excludeWhenNull(self, options: Any, payload: Any) -> Any:
        def without(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: without(inner) for key, inner in value.items()}
            return UNDEFINED if value is None else value

        return without(self.resolve(options, payload))
