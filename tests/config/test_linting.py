"""What `doorstep check` warns of, as data: `doubtful.txt` holds each configuration and, literally, every warning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pytest
from doorstep.engine.catalogue import Catalogue, Found
from doorstep.engine.config import examine, load_config
from doorstep.engine.routing import doubts
from doorstep.engine.sdk import Action, ActionDestination, Field, Item, Request, Settings
from doorstep.engine.sdk.using import presets_of
from msgspec import Meta


class AdsSettings(Settings, frozen=True):
    url: Annotated[str, Meta(description="Where to.", examples=["https://ads.example"])] = "https://ads.example"


class Purchase(Action[AdsSettings]):
    name = "purchase"
    label = "Purchase"
    description = "A sale."
    trigger = 'event = "Order Completed"'
    idempotency = "event_id"
    fields = {
        "value": Field(label="Value", type="number", required=True),
        "event_id": Field(label="Event ID", default={"@path": "$.messageId"}),
        "email": Field(
            label="Email",
            personal="email",
            hashed="sha256",
            default={"@hash": {"value": {"@path": "$.context.traits.email"}, "normalise": "email"}},
        ),
    }

    def request(self, items: Sequence[Item]) -> Request:
        return Request("POST", self.settings.url, {}, items[0].body)


class Ads(ActionDestination[AdsSettings]):
    label = "Ads"
    description = "Made up."
    Settings = AdsSettings
    actions = (Purchase,)


class HashesItself(Purchase):
    hashes = True


class Careful(Ads):
    actions = (HashesItself,)


@pytest.fixture
def catalogue() -> Catalogue:
    kinds = {"ads": Ads, "careful": Careful}
    return Catalogue(Found(name, "builtin", lambda kind=kind: kind) for name, kind in kinds.items())


def cases() -> list[tuple[str, str, list[str]]]:
    found = []
    for block in Path(__file__).with_name("doubtful.txt").read_text("utf-8").split("=== ")[1:]:
        name, _, rest = block.partition("\n")
        text, _, expected = rest.partition("--- expected\n")
        found.append((name, text, [line for line in expected.split("\n") if line]))
    return found


@pytest.mark.parametrize(("text", "expected"), [pytest.param(text, lines, id=name) for name, text, lines in cases()])
def test_every_warning_is_told_with_its_line(
    text: str, expected: list[str], catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("doorstep.toml").write_text(text, "utf-8")
    Path("purchase.json").write_text('{"value": {"@path": "$.porperties.revenue"}}', "utf-8")
    found = examine(["doorstep.toml"], {}, catalogue)
    assert found.problems == []
    assert [str(warning) for warning in found.warnings] == expected
    assert found.config == load_config("doorstep.toml", environ={}, catalogue=catalogue)


def test_what_an_action_hashes_itself_is_no_matter_of_its_mapping(catalogue: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "doorstep.toml"
    file.write_text(
        '[destinations.ads]\ntype = "careful"\n[destinations.ads.actions.purchase]\n'
        'mapping = { value = 5, email = { "@path" = "$.traits.email" } }\n'
    )
    assert examine([file], {}, catalogue).warnings == []


def test_the_actions_that_a_webhook_is_given_are_looked_at_too(tmp_path: Path) -> None:
    file = tmp_path / "doorstep.toml"
    file.write_text(
        '[destinations.hook]\ntype = "webhook"\nsettings = { url = "https://example.com/in" }\n'
        "[destinations.hook.actions.send]\ntrigger = 'type = \"Track\"'\n"
        'mapping = { a = { "@path" = "$.porperties.a" }, b = { "@liquid" = "{% case a %}{% endcase %}" } }\n'
    )
    warnings = [str(one).removeprefix(f"{file}:") for one in examine([file], {}, Catalogue.discover()).warnings]
    assert warnings == [
        (
            '5: destinations.hook.actions.send.trigger: never matches: nothing satisfies type = "Track"; '
            "types are track, page, screen, identify, group, alias or delete"
        ),
        '6: destinations.hook.actions.send.mapping.b."@liquid": tag "case" is disabled, line:1, col:1',
        (
            "6: destinations.hook.actions.send.mapping.a: reads $.porperties, which no event of the spec has; "
            'did you mean "properties"?'
        ),
    ]


def test_of_what_is_wrong_nothing_is_doubted(catalogue: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "doorstep.toml"
    file.write_text('[destinations.ads]\ntype = "ads"\ntrigger = "type = track and type = page"\nsample = 2\n')
    found = examine([file], {}, catalogue)
    assert found.config is None
    assert len(found.problems) == 1
    assert found.warnings == []


def test_a_secret_in_a_doubtful_setting_is_not_repeated(catalogue: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "doorstep.toml"
    file.write_text('[destinations.ads]\ntype = "ads"\ntrigger = "${env:TRIGGER}"\n')
    found = examine([file], {"TRIGGER": 'properties.token = "s3cr3t" and properties.token = "other"'}, catalogue)
    assert "s3cr3t" not in "\n".join(map(str, found.warnings))
    assert found.warnings


@pytest.mark.parametrize("name", list(Catalogue.discover().names()))
def test_no_trigger_that_a_destination_brings_is_doubtful(name: str) -> None:

    kind = Catalogue.discover().load(name).destination
    if issubclass(kind, ActionDestination):
        triggers = [preset.trigger or preset.action.trigger for preset in presets_of(kind).values()]
        assert {trigger: [doubt.message for doubt in doubts(trigger)] for trigger in triggers if doubts(trigger)} == {}
