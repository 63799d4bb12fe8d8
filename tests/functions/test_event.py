"""The event as handlers see it."""

from __future__ import annotations

import msgspec
import pytest
from doorstep.engine.errors import InvalidEventPayload
from doorstep.engine.functions.event import Event, decode

LINE = b'{"type":"track","event":"Signed Up","userId":"u-1","properties":{"plan":"pro"},"traits":null,"own":1}'


def test_fields_are_items_and_attributes() -> None:
    event = decode(LINE)
    assert (event.type, event["type"]) == ("track", "track")
    assert event.properties.get("plan") == "pro"
    assert event.own == 1
    assert event.to_dict() == msgspec.json.decode(LINE)
    assert type(event.to_dict()) is dict


def test_what_the_spec_knows_and_the_event_has_not_is_none_or_empty() -> None:
    event = decode(LINE)
    assert (event.messageId, event.name, event.groupId) == (None, None, None)
    assert (event.traits, event.context, event.integrations) == ({}, {}, {})
    with pytest.raises(AttributeError, match="the event has no field 'propertys'"):
        event.propertys  # noqa: B018


def test_reading_changes_nothing_and_writing_does() -> None:
    event = decode(b'{"type":"track"}')
    assert event.context.get("ip") is None
    assert event == {"type": "track"}
    event.properties["plan"] = "pro"
    event.properties["seats"] = 3
    traits = event.traits
    traits.update(name="Ada")
    traits["age"] = 36
    event.context.setdefault("page", {})["url"] = "/"
    event.userId = "u-2"
    del event.type
    assert msgspec.json.encode(event) == (
        b'{"properties":{"plan":"pro","seats":3},"traits":{"name":"Ada","age":36},"context":{"page":{"url":"/"}},"userId":"u-2"}'
    )


def test_each_decoding_is_an_event_of_its_own() -> None:
    one, other = decode(LINE), decode(LINE)
    one.properties["plan"] = "free"
    assert other.properties["plan"] == "pro"
    assert isinstance(one, Event)


def test_what_was_only_skipped_on_arrival_may_be_undecodable() -> None:
    with pytest.raises(InvalidEventPayload, match="the event cannot be decoded"):
        decode(b'{"type":"track","properties":{"n":1e999}}')
