"""The bench of a running engine: what is shown of a configuration, and what an edited action would change."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from doorstep.engine.admin.bench import DryRun, Edit, EventChange, FieldChange, Trial
from doorstep.engine.catalogue import Catalogue
from doorstep.engine.config import Changes, load_config
from doorstep.engine.errors import ConfigError, Problem
from doorstep.engine.journal.desk import StoredEvent
from doorstep.engine.tester.workbench import Workbench

pytestmark = pytest.mark.anyio

CONFIG = """
[admin]
tokens = [{ name = "ada", hash = "sha256:0000000000000000000000000000000000000000000000000000000000000000" }]

[destinations.hook]
type = "webhook"
settings = { url = "https://ada:sesame@example.com/in?key=opening-words&n=1", headers = { X-Key = "header-secret" } }

[destinations.chat]
type = "slack"
sources = ["program"]
trigger = 'userId != "nobody"'
settings = { url = "https://hooks.slack.com/services/T0/B0/path-secret" }
"""


class FakeFiles:
    def __init__(self) -> None:
        self.problems = [Problem("engine.nonsense", "unknown key", "d.toml", 3)]

    async def check(self) -> list[Problem]:
        return self.problems

    async def apply(self) -> Changes:
        if self.problems:
            raise ConfigError(self.problems)
        return Changes(added=["new"], needs_restart=[Problem("engine.backend", "needs a restart")])


@pytest.fixture
def bench() -> Workbench:
    config = load_config(text=CONFIG)
    return Workbench(lambda: config, Catalogue.discover(), lambda: None)


def stored(number: int, source: str = "program", **event: Any) -> StoredEvent:
    full = {"type": "track", "userId": "u-1", "messageId": f"m-{number}", **event}
    return StoredEvent(number=number, source=source, received=1.5, line=json.dumps(full).encode())


def test_a_configuration_is_shown_without_its_secrets(bench) -> None:
    shown = bench.configuration()
    assert shown["destinations"]["hook"]["settings"]["url"] == "https://example.com/in?key=***&n=***"
    assert shown["destinations"]["hook"]["settings"]["headers"] == {"X-Key": "***"}
    assert shown["destinations"]["chat"]["settings"]["url"] == "***"
    assert shown["admin"]["tokens"] == [{"name": "ada", "hash": "***", "role": "viewer"}]
    assert shown["engine"]["retention"] == "1d"


def test_secrets_are_those_that_are_said_to_be_and_those_in_urls(bench) -> None:
    assert bench.secrets() == [
        "header-secret",
        "https://hooks.slack.com/services/T0/B0/path-secret",
        "sesame",
        "YWRhOnNlc2FtZQ==",
        "opening-words",
    ]


def test_a_destination_is_shown_with_its_actions(bench) -> None:
    [action] = bench.shown("chat").actions
    assert (action.name, action.trigger) == ("post_message", 'type = "track"')
    [field] = [field for field in action.fields if field.name == "text"]
    text = "*{{ type | escape_mrkdwn }}* {{ event | escape_mrkdwn }}{{ name | escape_mrkdwn }} by {{ userId | escape_mrkdwn }}"
    assert (field.required, field.mapping) == (True, {"@liquid": text})
    assert bench.shown("hook").actions == []
    with pytest.raises(LookupError, match="no destination nobody"):
        bench.shown("nobody")


MAPPED = """
[destinations.mapped]
type = "webhook"
settings = { url = "https://example.com/in" }
[destinations.mapped.actions.orders]
action = "send"
trigger = 'event = "Order Completed"'
mapping = { id = { "@path" = "$.messageId" } }
"""


async def test_a_webhook_with_mappings_has_actions_to_show_and_to_try() -> None:
    config = load_config(text=MAPPED)
    bench = Workbench(lambda: config, Catalogue.discover(), lambda: None)
    [action] = bench.shown("mapped").actions
    assert (action.name, action.trigger, action.mapping) == (
        "orders",
        'event = "Order Completed"',
        {"id": {"@path": "$.messageId"}},
    )
    event = {"type": "track", "event": "Order Completed", "messageId": "m-1", "userId": "u-1"}
    edit = Edit(action="orders", mapping={"who": {"@path": "$.userId"}})
    [report] = await bench.test(Trial(event=event, destination="mapped", edit=edit), send=False)
    assert report.actions[0].requests[0].body == '[{"who":"u-1"}]'


async def test_an_edited_mapping_is_tested_and_nothing_is_kept_of_it(bench) -> None:
    event = {"type": "track", "event": "Signed Up", "userId": "u-1"}
    edit = Edit(action="post_message", mapping={"text": {"@path": "$.event"}})
    [report] = await bench.test(Trial(event=event, destination="chat", edit=edit), send=False)
    assert report.actions[0].requests[0].body == '{"text":"Signed Up"}'
    [report] = await bench.test(Trial(event=event, destination="chat"), send=False)
    assert report.actions[0].requests[0].body == '{"text":"*track* Signed Up by u-1"}'


async def test_a_dry_run_says_what_would_change_field_by_field(bench) -> None:
    events = [
        stored(1, event="Signed Up"),
        stored(2, event="Order Completed"),
        stored(3, event="Signed Up", userId="nobody"),
        stored(4, source="elsewhere", event="Signed Up"),
        stored(5, type="identify"),
    ]
    edit = Edit(
        action="post_message",
        trigger='type = "identify" or event = "Signed Up"',
        mapping={"text": {"@template": "{{event}} by {{userId}}"}},
    )
    report = await bench.dry_run(DryRun(destination="chat", edit=edit), events)
    assert (report.looked_at, report.wanted_before, report.wanted_after, report.changed) == (3, 2, 2, 3)
    assert report.fields == {"text": 3}
    assert report.examples[0] == EventChange(
        number=1,
        message_id="m-1",
        wanted="as before",
        fields=[FieldChange("text", "*track* Signed Up by u-1", "Signed Up by u-1")],
    )
    assert [one.wanted for one in report.examples] == ["as before", "no more", "now"]


async def test_what_would_be_refused_is_counted(bench) -> None:
    edit = Edit(action="post_message", mapping={"text": {"@path": "$.properties.missing"}})
    report = await bench.dry_run(DryRun(destination="chat", edit=edit), [stored(1, event="Signed Up")])
    assert (report.refused_before, report.refused_after) == (0, 1)
    assert "text" in report.examples[0].problem_after


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            Edit(action="post_message", mapping={"txet": 1}),
            "post_message.mapping.txet: post_message has no field 'txet'",
        ),
        (Edit(action="post_message", trigger="type = "), "post_message.trigger: "),
        (Edit(action="post_message", mapping={"text": {"@nonsense": 1}}), "post_message.mapping: "),
    ],
)
async def test_an_edit_that_is_wrong_is_said_as_in_the_configuration(bench, edit, message) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        await bench.dry_run(DryRun(destination="chat", edit=edit), [])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("trial", "error", "message"),
    [
        (Trial(event={}), msgspec.ValidationError, "the event would be rejected on arrival"),
        (Trial(event={}, action="a"), msgspec.ValidationError, "an action is one destination's: say which"),
        (Trial(event={}, destination="x"), LookupError, "no destination x"),
        (Trial(event={}, destination="hook", edit=Edit(action="a")), LookupError, "webhook is a type without actions"),
    ],
)
async def test_a_trial_that_makes_no_sense_is_refused(bench, trial, error, message) -> None:
    with pytest.raises(error, match=message):
        await bench.test(trial, send=False)


async def test_files_are_checked_and_a_bad_one_changes_nothing() -> None:
    files = FakeFiles()
    bench = Workbench(lambda: load_config(text=CONFIG), Catalogue.discover(), lambda: files)
    [wrong] = (await bench.check()).problems
    assert (wrong.path, wrong.message, wrong.file, wrong.line) == ("engine.nonsense", "unknown key", "d.toml", 3)
    with pytest.raises(ValueError, match=r"^not reloaded, the old configuration stays: d\.toml:3: engine\.nonsense"):
        await bench.reload()
    files.problems = []
    assert (await bench.reload()).added == ["new"]


async def test_a_configuration_from_no_file_is_not_reloaded(bench) -> None:
    with pytest.raises(ValueError, match="from no file"):
        await bench.reload()
