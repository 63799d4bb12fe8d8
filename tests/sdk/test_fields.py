"""A settings Struct read as documentation."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from doorstep.engine.sdk import Duration, Secret, Settings, Size
from doorstep.engine.sdk.fields import Field, fields
from msgspec import Meta


class Inner(Settings, frozen=True):
    a: int = 1


class Everything(Settings, frozen=True, kw_only=True):
    url: Annotated[str, Meta(description="Where to.", examples=["https://example.com"])]
    count: Annotated[int, Meta(description="How many.", ge=1, le=5)] = 3
    share: float = 0.5
    headers: Annotated[dict[str, Secret], Meta(description="Headers.")] = {}
    secret: Annotated[Secret | None, Meta(description="Perhaps.")] = None
    fallback: Secret = Secret("hunter2")
    mode: Literal["a", "b"] = "a"
    wait: Duration = Duration("5s")
    size: Size = Size("4MiB")
    names: list[str] = []
    on: bool = False
    either: int | str = 1
    inner: Inner = Inner()


def test_required_fields_have_no_default_and_the_rest_say_what_meta_said() -> None:
    url, count, *_ = fields(Everything)
    assert url == Field("url", "string", True, None, "Where to.", ["https://example.com"], False)
    assert count == Field("count", "integer, at least 1, at most 5", False, 3, "How many.", [], False)


@pytest.mark.parametrize(
    ("name", "type_", "default", "secret"),
    [
        ("share", "number", 0.5, False),
        ("headers", "table of secret", {}, True),
        ("secret", "secret", None, True),
        ("fallback", "secret", "***", True),
        ("mode", 'one of "a", "b"', "a", False),
        ("wait", "duration", "5s", False),
        ("size", "size", "4MiB", False),
        ("names", "list of string", [], False),
        ("on", "boolean", False, False),
        ("either", "integer or string", 1, False),
        ("inner", "table", {"a": 1}, False),
    ],
)
def test_types_and_defaults_are_said_as_they_are_written(name: str, type_: str, default: object, secret: bool) -> None:
    [field] = [field for field in fields(Everything) if field.name == name]
    assert (field.type, field.default, field.secret) == (type_, default, secret)
