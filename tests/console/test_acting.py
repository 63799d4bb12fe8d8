"""Pages that act on the engine as a whole: replays from the journal, the configuration, what is parked, what is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Running, until

sync_api = pytest.importorskip("playwright.sync_api", reason="the console is not looked at: no playwright here")
expect = sync_api.expect
pytestmark = pytest.mark.browser


def an_event(name: str, message_id: str) -> dict[str, Any]:
    return {"type": "track", "event": name, "messageId": message_id, "userId": "u-1"}


def times(running: Running, path: str, message_id: str) -> int:
    """How often a receiver saw an event."""
    return sum(one["messageId"] == message_id for one in running.receiver.seen.get(path, []))


def test_events_of_the_journal_are_counted_and_then_sent_again_to_one_destination(running: Running, open_page) -> None:
    running.submit(an_event("Trial Ended", "m-again-1"), an_event("Trial Ended", "m-again-2"))
    until(lambda: times(running, "/all", "m-again-2") == 1)
    page = open_page("#/replays?destination=all")
    replay = page.get_by_role("button", name="Replay")
    expect(replay).to_be_disabled()
    page.get_by_label("Event, in FQL").fill('event = "Trial Ended"')
    page.get_by_label("Event, in FQL").press("Enter")
    expect(page.get_by_role("main")).to_contain_text("At most 2 events would be sent to all again.")
    page.get_by_label("Events a second").fill("500")
    expect(replay).to_be_disabled()  # what was counted is not what would be sent
    page.get_by_role("button", name="Dry run").click()
    replay.click()
    page.get_by_role("dialog").get_by_role("button", name="Replay").click()
    expect(page.get_by_role("main")).to_contain_text(re.compile(r"Replay \d+ has begun: about 2 events"))
    until(lambda: (times(running, "/all", "m-again-1"), times(running, "/all", "m-again-2")) == (2, 2))
    assert times(running, "/orders", "m-again-1") == 0
    expect(page.get_by_role("region", name="Being sent again")).to_contain_text("Nothing is being sent again.")


def test_a_replay_with_a_bad_condition_says_where_it_is_wrong(open_page) -> None:
    page = open_page("#/replays?destination=all", refused=True)
    page.get_by_label("Event, in FQL").fill("event = ")
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("alert")).to_contain_text("column 8")
    expect(page.get_by_role("button", name="Replay")).to_be_disabled()


def test_dead_letters_are_replayed_as_a_mapping_makes_them(running: Running, open_page) -> None:
    running.submit(*(an_event("Spoilt", f"m-spoilt-{number}") | {"properties": {"bad": 1}} for number in range(2)))
    until(lambda: running.engine.statistics().destinations["picky"].dead_lettered >= 2)
    page = open_page("#/letters?destination=picky", refused=True)
    page.get_by_label("Event, in FQL").fill('event = "Spoilt"')
    page.get_by_role("button", name="Find").click()
    page.get_by_text("How they are sent again").click()
    mapping = page.get_by_label("As a mapping makes them")
    mapping.fill('{"type": ')
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("alert")).to_be_visible()
    mapping.fill('{"type": "track", "event": "Mended", "userId": {"@path": "$.userId"}}')
    for button in ("Dry run", "Replay all 2"):
        page.get_by_label("Events a second").fill("0")
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("alert")).to_contain_text(
            "Events a second: Value must be greater than or equal to 0.00001"
        )
        page.get_by_label("Events a second").fill("100")
        page.get_by_role("button", name="Dry run").click()
        expect(page.get_by_role("main")).to_contain_text("picky: 2 would be sent again.")
    page.get_by_role("button", name="Replay all 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Replay").click()
    expect(page.get_by_role("main")).to_contain_text("picky: 2 are sent again.")
    until(lambda: sum(one["event"] == "Mended" for one in running.receiver.seen.get("/picky", [])) == 2)


@pytest.fixture
def from_file(tmp_path: Path) -> Iterator[Running]:
    """An engine whose configuration is a file, with a destination that is taken away."""
    running = Running(lambda port: CONFIG.format(folder=tmp_path, port=port), tmp_path / "doorstep.toml").start()
    yield running
    running.stop()


def test_an_event_that_was_filtered_and_would_not_be_now_leads_to_its_own_replay(from_file: Running, open_page) -> None:
    assert from_file.file is not None
    from_file.submit(an_event("Product Viewed", "m-'late"))
    page = open_page("#/events/m-'late", url=from_file.url)
    story = page.locator("li.story", has=page.get_by_role("link", name="shop"))
    expect(story).to_contain_text("its trigger does not match the event")
    from_file.file.write_text(from_file.file.read_text("utf-8").replace("Order Completed", "Product Viewed"), "utf-8")
    from_file.run(from_file.engine.files.apply())
    page.reload()
    story.get_by_role("link", name="replay it").click()
    expect(page.get_by_label("Event, in FQL")).to_have_value('messageId = "m-\'late"')
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("main")).to_contain_text("At most 1 event would be sent to shop again.")
    page.get_by_role("button", name="Replay").click()
    page.get_by_role("dialog").get_by_role("button", name="Replay").click()
    until(lambda: times(from_file, "/shop", "m-'late") == 1)


def test_the_files_are_checked_reloaded_and_what_is_gone_is_forgotten(from_file: Running, open_page) -> None:
    file, url = from_file.file, from_file.url
    assert file is not None
    page = open_page("#/configuration", url=url, refused=True)
    expect(page.get_by_role("region", name="The engine")).to_contain_text("takes events in")
    page.locator("summary", has_text="destinations.shop").click()
    expect(page.get_by_label("destinations.shop")).to_contain_text('"X-Key": "***"')
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("main")).to_contain_text("Nothing is wrong with the files as they are now.")
    good = file.read_text("utf-8")
    file.write_text(good.replace("max_events = 7", "max_events = 0"), "utf-8")
    page.get_by_role("button", name="Check").click()
    wrong = page.get_by_label("Problems").get_by_role("row").nth(1)
    expect(wrong).to_contain_text("destinations.shop.batch.max_events")
    expect(wrong).to_contain_text(re.compile(r"doorstep\.toml:\d+"))
    reload(page)
    expect(page.get_by_role("alert")).to_contain_text("the old configuration stays")
    file.write_text(good.replace("max_events = 7", "max_events = 9").partition("[destinations.gone]")[0], "utf-8")
    reload(page)
    expect(page.get_by_role("main")).to_contain_text("gone is no more")
    expect(page.get_by_role("main")).to_contain_text("destinations.shop.batch.max_events is another")
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("row", name=re.compile("gone"))).to_contain_text("removed")
    page.get_by_role("link", name="gone").click()
    page.get_by_role("button", name="Forget").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(page.get_by_role("region", name="Not configured any more")).to_have_count(0)


def reload(page: Any) -> None:
    page.get_by_role("button", name="Reload").click()
    page.get_by_role("dialog").get_by_role("button", name="Reload").click()


def test_what_is_parked_is_shown_with_its_next_try(running: Running, open_page) -> None:
    """Others get through, so it is the event's own trouble that it waits for."""
    for number in range(8):
        running.submit(an_event("Signed Up", f"m-sick-{number}") | {"properties": {"sick": number == 0}})
    page = open_page("#/destinations/sickly")
    parked = page.get_by_role("region", name="Parked for a later try")
    expect(parked).to_contain_text("track: Signed Up")
    expect(parked).to_contain_text("the receiver answered 500")
    link = parked.get_by_role("link", name="m-sick-0")
    link.focus()
    page.wait_for_timeout(2500)  # it has looked again
    expect(link).to_be_focused()
    link.click()
    expect(page.locator("li.story", has=page.get_by_role("link", name="sickly"))).to_contain_text("parked")


CONFIG = """
[engine]
data_dir = "{folder}/data"

[admin]
listen = "127.0.0.1:0"

[destinations.shop]
type = "webhook"
trigger = 'event = "Order Completed"'
settings = {{ url = "http://127.0.0.1:{port}/shop", headers = {{ X-Key = "a-secret-of-theirs" }} }}
batch = {{ max_events = 7 }}

[destinations.gone]
type = "webhook"
settings = {{ url = "http://127.0.0.1:{port}/gone" }}
"""
