"""Consent and `integrations`: the whole truth table, cell by cell, and what follows from it for other shapes of event."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from doorstep.engine.model import AnyEvent, Chunk, Envelope, Event, LineDecoder, Lines, Receipt
from doorstep.engine.routing import Route, RoutingTable, compile_fql

ABSENT: Any = object()
RECEIPT = Receipt("shop", 0.0, 0.0, "log")
MAPPED = Route(name="hook", integration="Webhook", consent=frozenset({"Advertising", "Analytics"}))
UNMAPPED = Route(name="hook", integration="Webhook")

CONSENTS: dict[str, Any] = {
    "absent": ABSENT,
    "null": None,
    "empty": {},
    "preferences null": {"categoryPreferences": None},
    "preferences empty": {"categoryPreferences": {}},
    "granted": {"categoryPreferences": {"Advertising": True, "Analytics": True}},
    "granted and more": {"categoryPreferences": {"Advertising": True, "Analytics": True, "Functional": False}},
    "all denied": {"categoryPreferences": {"Advertising": False, "Analytics": False}},
    "one denied": {"categoryPreferences": {"Advertising": True, "Analytics": False}},
    "one missing": {"categoryPreferences": {"Advertising": True}},
    "only others": {"categoryPreferences": {"Functional": True, "advertising": True, "analytics": True}},
}
INTEGRATIONS: dict[str, Any] = {
    "absent": ABSENT,
    "null": None,
    "{}": {},
    "All+": {"All": True},
    "All-": {"All": False},
    "hook+": {"Webhook": True},
    "hook-": {"Webhook": False},
    "All-hook+": {"All": False, "Webhook": True},
    "All-options": {"All": False, "Webhook": {"channel": "#x"}},
    "hook{}": {"Webhook": {}},
    "other-": {"Slack": False},
}
WITH_CATEGORIES = """
                  absent null {}  All+ All- hook+ hook- All-hook+ All-options hook{} other-
absent            yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
null              yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
empty             yes    yes  con con  con  con   con   con       con         con    con
preferences.null  yes    yes  con con  con  con   con   con       con         con    con
preferences.empty con    con  con con  con  con   con   con       con         con    con
granted           yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
granted.and.more  yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
all.denied        con    con  con con  con  con   con   con       con         con    con
one.denied        con    con  con con  con  con   con   con       con         con    con
one.missing       con    con  con con  con  con   con   con       con         con    con
only.others       con    con  con con  con  con   con   con       con         con    con
"""
WITHOUT_CATEGORIES = """
                  absent null {}  All+ All- hook+ hook- All-hook+ All-options hook{} other-
absent            yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
null              yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
empty             yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
preferences.null  yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
preferences.empty yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
granted           yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
granted.and.more  yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
all.denied        yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
one.denied        yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
one.missing       yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
only.others       yes    yes  yes yes  int  yes   int   yes       yes         yes    yes
"""
REASONS = {"yes": None, "con": "consent", "int": "integrations"}


def cells(table: str) -> list[tuple[str, str, str | None]]:
    """Each cell: its consent, its integrations, and why the event is refused."""
    head, *rows = table.strip("\n").splitlines()
    return [
        (row.split()[0].replace(".", " "), integrations, REASONS[answer])
        for row in rows
        for integrations, answer in zip(head.split(), row.split()[1:], strict=True)
    ]


def event(consent: Any = ABSENT, integrations: Any = ABSENT, **fields: Any) -> dict[str, Any]:
    event = {"type": "track", "event": "Order Completed", "userId": "u-1"} | fields
    if consent is not ABSENT:
        event["context"] = {"ip": "203.0.113.9", "consent": consent}
    return event if integrations is ABSENT else event | {"integrations": integrations}


def envelope(event: dict[str, Any], number: int = 0, spec: type[Event | AnyEvent] = Event) -> Envelope:
    line = json.dumps(event).encode()
    return Envelope(number, line, msgspec.json.decode(line, type=spec), RECEIPT)


def why_not(route: Route, event: dict[str, Any]) -> str | None:
    """The answer for the event alone, which is the same in a chunk with others."""
    table = RoutingTable([route])
    reason = table.judge("hook", envelope(event))
    unheard = {"type": "page", "userId": "u-2"}
    reasons = table.scan("hook", Chunk(0, [envelope(unheard), envelope(event, 1)], 0)) or [None, None]
    assert reasons == [None, reason]
    return reason


@pytest.mark.parametrize(("consent", "integrations", "reason"), cells(WITH_CATEGORIES))
def test_a_destination_with_categories(consent: str, integrations: str, reason: str | None) -> None:
    assert why_not(MAPPED, event(CONSENTS[consent], INTEGRATIONS[integrations])) == reason


@pytest.mark.parametrize(("consent", "integrations", "reason"), cells(WITHOUT_CATEGORIES))
def test_a_destination_without_categories(consent: str, integrations: str, reason: str | None) -> None:
    assert why_not(UNMAPPED, event(CONSENTS[consent], INTEGRATIONS[integrations])) == reason


def test_the_tables_are_whole() -> None:
    wanted = [(consent, integrations) for consent in CONSENTS for integrations in INTEGRATIONS]
    for table in (WITH_CATEGORIES, WITHOUT_CATEGORIES):
        assert [cell[:2] for cell in cells(table)] == wanted


# What else holds ------------------------------------------------------------------------------------------------------


def test_the_order_of_the_checks() -> None:
    denied = event(CONSENTS["all denied"], {"All": False})
    route = msgspec.structs.replace(
        MAPPED, sources=frozenset({"web"}), enabled=False, trigger=compile_fql("type = page")
    )
    assert why_not_alone(route, denied) == "source"
    assert why_not_alone(msgspec.structs.replace(route, sources=None), denied) == "disabled"
    assert why_not_alone(msgspec.structs.replace(route, sources=None, enabled=True), denied) == "consent"
    granted = event(CONSENTS["granted"], {"All": False})
    assert why_not_alone(msgspec.structs.replace(route, sources=None, enabled=True), granted) == "integrations"


def why_not_alone(route: Route, event: dict[str, Any]) -> str | None:
    return RoutingTable([route]).judge("hook", envelope(event))


def test_a_deletion_needs_no_consent() -> None:
    assert why_not(MAPPED, event(CONSENTS["all denied"], type="delete")) is None
    assert why_not(MAPPED, event(CONSENTS["empty"], {}, type="delete")) is None
    assert why_not(MAPPED, event(CONSENTS["all denied"], {"Webhook": False}, type="delete")) == "integrations"


def test_each_event_of_a_chunk_by_its_own_consent() -> None:
    events = [event(consent) for consent in CONSENTS.values()]
    chunk = Chunk(0, [envelope(one, number) for number, one in enumerate(events)], 0)
    table = RoutingTable([MAPPED, msgspec.structs.replace(UNMAPPED, name="other")])
    no = "consent"
    assert table.scan("hook", chunk) == [None, None, None, None, no, None, None, no, no, no, no]
    assert table.scan("other", chunk) is None


@pytest.mark.parametrize(
    ("consent", "reason"),
    [
        (1, "consent"),
        ([], "consent"),
        ({"categoryPreferences": ["Advertising"]}, "consent"),
        ({"categoryPreferences": {"Advertising": "true", "Analytics": True}}, "consent"),
        ({"categoryPreferences": {"Advertising": True, "Analytics": True}}, None),
        (None, None),
        (ABSENT, None),
    ],
)
def test_consent_of_another_shape_is_none_given(consent: Any, reason: str | None) -> None:
    line = json.dumps(event(consent)).encode()
    [decoded] = LineDecoder("any").decode(Lines([line], [1])).events
    assert RoutingTable([MAPPED]).judge("hook", Envelope(0, line, decoded, RECEIPT)) == reason
