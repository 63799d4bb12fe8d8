"""Intercom beside what was observed elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable

from doorstep.destinations.intercom.destination import Intercom
from doorstep.engine.model import Request, Response
from doorstep.engine.sdk.testing import Tester

from .comparing import Vector, check, observed

EVENTS = "POST https://api.intercom.io/events"
LEAD = "a lead cannot have an external id: ours looks it up, and creates it, by its address"
WRONG_ADDRESS = "theirs loses an event because of a wrong address, though the user has an id"
NOBODY = "neither an id nor an address: it cannot be found again, and theirs creates one more each time"
CONTACTS = "POST https://api.intercom.io/contacts"
DIFFERS = {
    **{
        f"{EVENTS} metadata.{name}": "Intercom keeps no nested values"
        for name in ("products[*", "discount_items[*", "teapot.*", "tags[*", "increment.pots")
    },
    f"{EVENTS} metadata.nothing": "null is no value",
    f"{EVENTS} email": "the API wants one identifier, and there is an id",
    f"{EVENTS} metadata.currency": "without a revenue there is no price, and theirs loses the currency",
    **{
        f"35: {EVENTS} metadata.{name}": "an amount without a currency is no price; theirs takes it for US dollars"
        for name in ("price.amount", "price.currency", "revenue")
    },
    f"68: {EVENTS} metadata.revenue": "the price is made of another property, which is missing; theirs loses the revenue",
    f"{EVENTS} metadata": "nothing in place of an empty object",
    f"61: {CONTACTS} custom_attributes": "likewise",
    f"37: {EVENTS}*": "nobody's event: the API wants an identifier",
    f"53: {EVENTS}*": WRONG_ADDRESS,
    f"71: {EVENTS}*": WRONG_ADDRESS,
    **{f"{vector}: {CONTACTS}*": NOBODY for vector in (1, 55, 61)},
    **{f"{vector}: {CONTACTS} external_id": LEAD for vector in (56, 58, 59)},
    **{f"{vector}: {CONTACTS}/search query.{name}": LEAD for vector in (56, 58, 59) for name in ("field", "value")},
}


def nobody(request: Request) -> Response:
    """A workspace without contacts, as in what was observed."""
    return Response(200, {}, b'{"total_count":0,"data":[]}')


def test_requests_are_what_another_implementation_sends() -> None:
    found = observed("intercom")
    settings = {"access_token": found.settings["oauth"]["access_token"]}

    def ours(vector: Vector) -> Iterable[Request]:
        name = re.sub("[A-Z]", lambda letter: f"_{letter[0]}", vector.action).lower()
        mapping = dict(vector.overrides)
        actions = {name: {"trigger": "all", "mapping": mapping}}
        tester = Tester(Intercom, settings, actions=actions, spec="any")
        sent = tester.run(*vector.events, answer=nobody)
        return [request for one in sent for request in one.requests if one.action == name]

    check(found.vectors, ours, DIFFERS)
