"""Events of the spec are known in any case, and by their old names, by each destination that does something of its own with them."""

from __future__ import annotations

from typing import Any

import pytest
from doorstep.engine.catalogue import Catalogue
from doorstep.engine.routing import compile_fql
from doorstep.engine.sdk import ActionDestination, named
from doorstep.engine.sdk.samples import ECOMMERCE
from doorstep.engine.sdk.semantic import FIRST_NAMES
from doorstep.engine.sdk.using import presets_of

ENTRIES, _ = Catalogue.discover().load_all()
WITH_ACTIONS = [
    pytest.param(entry.destination, id=entry.name)
    for entry in ENTRIES
    if issubclass(entry.destination, ActionDestination)
]


def test_a_name_is_known_in_lower_case_and_by_its_old_one() -> None:
    assert named("Order Completed") == 'lowercase(event) in ["order completed", "completed order"]'
    assert named("Cart Viewed", "Signed Up") == 'lowercase(event) in ["cart viewed", "signed up"]'


@pytest.mark.parametrize("destination", WITH_ACTIONS)
def test_an_event_of_a_shop_goes_through_the_same_actions_whatever_it_is_called(
    destination: type[ActionDestination[Any]],
) -> None:
    triggers = {name: preset.trigger or preset.action.trigger for name, preset in presets_of(destination).items()}
    wanted = {name: compile_fql(trigger) for name, trigger in triggers.items() if trigger}

    def actions(name: str) -> list[str]:
        return [action for action, matches in wanted.items() if matches({"type": "track", "event": name})]

    for name in ECOMMERCE:
        for other in (name.lower(), name.upper(), FIRST_NAMES.get(name, name), FIRST_NAMES.get(name, name).lower()):
            assert actions(other) == actions(name), other


def test_old_names_are_those_of_events_that_there_are() -> None:
    assert FIRST_NAMES.keys() <= ECOMMERCE.keys()
