"""Meta's Conversions API beside what was observed elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from doorstep.destinations.meta_conversions.destination import MetaConversions
from doorstep.destinations.meta_conversions.fields import CUSTOM
from doorstep.engine.model import Request
from doorstep.engine.sdk import Rejected
from doorstep.engine.sdk.testing import Sent, Tester

from .comparing import Vector, check, observed

DIFFERS = {
    "* data[0].event_time": "theirs is a text; Meta takes seconds since 1970",
    "* data[0].user_data.fn": "theirs knows the trait firstName only; the spec has first_name, too",
    "* data[0].user_data.ln": "likewise",
    "14: * data[0].user_data.fbc": "ours makes the click ID of the fbclid in the URL, as Meta describes",
    "23: * data[0].user_data.fbc": "likewise",
    "* data[0].custom_data.content_ids[*]": "ours names the products of every event: catalogue ads match by them",
    "* data[0].custom_data.content_type": "without it Meta does not know what the ids are of",
    "* data[0].custom_data.content_name": "useful and there",
    "16: * data[0].custom_data.content_category": "likewise",
    "* data[0].custom_data.num_items": "likewise",
    "* data[0].custom_data.order_id": "likewise: Meta counts an order once by it",
    "7: * data[0].custom_data.value": "theirs is the revenue and nothing else; ours the value where there is none",
    "19: * data[0].custom_data.value": "likewise",
}
SETTINGS = {
    "dataset_id": "123456789012345",
    "access_token": "fb-system-token",
    "test_event_code": "TEST00001",
    "api_version": "v24.0",
}
NO_BROWSER = "a website's event needs client_user_agent"
NOBODY = "user_data has nothing by which Meta could know a person"


def _name(theirs: str) -> str:
    """Theirs has a second generation of each action, with the same requests."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in theirs.removesuffix("2"))


def sent(vector: Vector) -> Sent:
    mapping = dict(vector.overrides)
    if _name(vector.action) == "custom":
        mapping = {**dict.fromkeys(CUSTOM, ""), **mapping}  # theirs sends no custom data with these unless asked
    actions = {"it": {"action": _name(vector.action), "trigger": "all", "mapping": mapping}}
    everything = Tester(MetaConversions, SETTINGS, actions=actions, spec="any").run(*vector.events)
    [ours] = [one for one in everything if one.action == "it"]
    return ours


def ours(vector: Vector) -> Iterable[Request]:
    return sent(vector).requests


def refused(vector: Vector) -> str:
    [outcome] = sent(vector).outcomes
    return outcome.detail if isinstance(outcome, Rejected) else ""


def test_requests_are_what_another_implementation_sends() -> None:
    vectors = [vector for vector in observed("meta_conversions").vectors if vector.requests]
    check([vector for vector in vectors if not refused(vector)], ours, DIFFERS)


def test_what_ours_refuses_meta_would_refuse_with_the_rest_of_the_request() -> None:
    """Theirs sends these."""
    vectors = [vector for vector in observed("meta_conversions").vectors if vector.requests]
    assert Counter(map(refused, vectors)) == {"": 56, NO_BROWSER: 24}
