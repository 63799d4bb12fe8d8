"""Every page of the console, as somebody uses it: finds out why, tries a change, sends again, pauses, sees an outage come and go."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from doorstep.engine.admin.settings import hash_of
from doorstep.engine.journal.desk import LetterQuery

from .conftest import Running, until

sync_api = pytest.importorskip("playwright.sync_api", reason="the console is not looked at: no playwright here")
expect = sync_api.expect
pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"


def an_event(name: str, message_id: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, "messageId": message_id, "userId": "u-1", "properties": properties}


def test_it_is_found_out_why_an_event_was_not_delivered(running: Running, open_page) -> None:
    running.submit(an_event("Product Viewed", "m-why"))
    page = open_page("#/events")
    page.get_by_label("messageId").fill("m-why")
    page.get_by_role("button", name="Explain").click()
    story = page.locator("li.story", has=page.get_by_role("link", name="orders"))
    expect(story).to_contain_text("filtered its trigger does not match the event")
    expect(story.locator("code")).to_contain_text('event = "Order Completed"')
    delivered = page.locator("li.story", has=page.get_by_role("link", name="all", exact=True))
    expect(delivered.locator(".badge").first).to_contain_text("delivered")


def test_a_changed_mapping_is_tried_on_one_event_and_on_the_latest(running: Running, open_page) -> None:
    running.submit(an_event("Order Completed", "m-order", order_id="o-1"))
    page = open_page("#/tester?destination=chat&action=post_message")
    page.get_by_label("Mapping").fill('{"text": {"@template": "Hello {{event}}"}}')
    page.get_by_role("button", name="Run", exact=True).click()
    report = page.get_by_role("region", name="Test at chat")
    expect(report).to_contain_text('"Hello Order Completed"')
    expect(report.get_by_label("Request: body")).to_have_text(re.compile(r'"text": "Hello Order Completed"'))
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("region", name="Dry run")).to_contain_text("events would be different")


def test_three_dead_letters_are_mended_and_replayed(running: Running, open_page) -> None:
    running.submit(*(an_event("Signed Up", f"m-dead-{number}", bad=True) for number in range(4)))
    page = open_page("#/letters?destination=picky")
    until(lambda: running.run(_dead(running)) >= 4)
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="1", exact=True).click()
    page.get_by_label("What a replay sends").fill(
        '{"type": "track", "event": "Signed Up", "messageId": "m-dead-0", "userId": "u-1"}'
    )
    page.get_by_role("button", name="Save and replay").click()
    expect(page.get_by_role("status")).to_contain_text("It is sent again.")
    page.get_by_role("link", name="Dead letters", exact=True).first.click()
    for letter in (2, 3):
        page.get_by_label(f"Dead letter {letter}").check()
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("main")).to_contain_text("picky: 2 would be sent again.")
    page.get_by_role("button", name="Replay 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Replay").click()
    expect(page.get_by_role("main")).to_contain_text("picky: 2 are sent again.")
    until(lambda: any(one["messageId"] == "m-dead-0" for one in running.receiver.seen["/picky"]))


async def _dead(running: Running) -> int:
    return running.engine.statistics().destinations["picky"].dead_lettered


def test_a_destination_is_paused_and_resumed_by_keyboard(running: Running, open_page) -> None:
    page = open_page("#/destinations/all")
    page.get_by_role("button", name="Pause").press("Enter")
    expect(page.locator("#state-now")).to_contain_text("paused")
    running.submit(an_event("Signed Up", "m-while-paused"))
    expect(page.get_by_role("button", name="Resume")).to_be_enabled()
    assert not any(one["messageId"] == "m-while-paused" for one in running.receiver.seen.get("/all", []))
    page.get_by_role("button", name="Resume").press("Enter")
    expect(page.locator("#state-now")).to_contain_text("working")
    until(lambda: any(one["messageId"] == "m-while-paused" for one in running.receiver.seen["/all"]))


def test_an_outage_is_seen_to_begin_and_to_end(running: Running, open_page) -> None:
    page = open_page()
    row = page.get_by_role("row", name=re.compile("moody"))
    expect(row).to_contain_text("working")
    running.receiver.is_down = True
    running.submit(an_event("Signed Up", "m-outage"))
    expect(row).to_contain_text(re.compile("open|trying"))
    expect(page.locator("tbody tr").first).to_contain_text("moody")
    running.receiver.is_down = False

    def is_working() -> bool:
        running.submit(an_event("Signed Up", "m-after"))  # three successes close the breaker
        page.wait_for_timeout(300)
        return "working" in row.inner_text()

    until(is_working)


def test_the_tail_shows_attempts_as_they_happen_and_sifts_them(running: Running, open_page) -> None:
    page = open_page("#/tail")
    expect(page.get_by_role("status").first).to_contain_text("latest")
    page.get_by_label("Contains").fill("m-tail-2")
    running.submit(an_event("Signed Up", "m-tail-1"))
    running.submit(an_event("Signed Up", "m-tail-2"))
    expect(page.locator("#attempts details").filter(has_text="picky")).to_have_count(1)
    page.locator("#attempts summary").filter(has_text="picky").click()
    expect(page.get_by_label("Request: body")).to_contain_text("m-tail-2")


def test_an_event_is_shown_and_never_run(running: Running, open_page) -> None:
    evil = '<img src=x onerror="document.title=1">'
    running.submit(an_event(evil, "m-<b>evil</b>"))
    page = open_page("#/events")
    page.get_by_role("link", name="m-<b>evil</b>").click()
    expect(page.get_by_role("heading", level=2)).to_have_text(f"track: {evil}")
    assert page.title() == "m-<b>evil</b> \u00b7 Events \u00b7 Doorstep"


def test_a_token_is_asked_for_kept_in_the_tab_and_decides_what_can_be_done(tmp_path: Path, browser: Any) -> None:
    token = "doorstep_viewers-own"

    def config(port: int) -> str:
        hook = f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "http://127.0.0.1:{port}/all" }}\n'
        known = f'tokens = [{{ name = "ada", hash = "{hash_of(token)}" }}]'
        return f'[engine]\ndurability = "memory"\n[admin]\nlisten = "127.0.0.1:0"\n{known}\n{hook}'

    running = Running(config).start()
    try:
        page = browser.new_page()
        page.goto(running.url)
        page.get_by_label("Token").fill("doorstep_wrong")
        page.get_by_role("button", name="Enter").click()
        expect(page.get_by_role("alert")).to_have_text("nobody has this token")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Enter").click()
        page.get_by_role("link", name="hook", exact=True).click()
        expect(page.get_by_role("heading", name="hook")).to_be_visible()
        expect(page.get_by_role("button", name="Pause")).to_be_hidden()
        page.reload()
        expect(page.get_by_text("ada, viewer")).to_be_visible()
        assert page.context.cookies() == []
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()
        page.close()
    finally:
        running.stop()


PLACES = [
    "",
    "#/destinations/picky",
    "#/events",
    "#/events/m-why",
    "#/tail",
    "#/letters",
    "#/replays",
    "#/configuration",
    "#/tester?destination=chat&action=post_message",
]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_no_page_is_wider_than_the_screen_and_axe_finds_no_serious_fault(
    running: Running, open_page, width, scheme
) -> None:
    running.submit(an_event("Product Viewed", "m-why"), an_event("Signed Up", "m-axe", bad=True))
    until(lambda: running.run(_letters(running)))
    [letter, *_] = running.run(_letters(running))
    page = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    found = []
    for place in [*PLACES, f"#/letters/{letter.id}"]:
        page.goto(running.url + place)
        page.wait_for_selector("h1")
        page.wait_for_timeout(150)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
        found += [f"{place}: {fault}" for fault in _axe(page)]
    assert found == []


async def _letters(running: Running) -> list[Any]:
    return await running.engine.desk.letters(LetterQuery())


def _axe(page: Any) -> list[str]:
    if not AXE.exists():
        return []
    page.evaluate(AXE.read_text("utf-8"))
    result = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{fault['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for fault in result["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"][:3]
    ]


def test_axe_is_there(browser: Any) -> None:
    if not AXE.exists():
        pytest.skip("accessibility is not looked at: no axe-core here (cd tests/console && npm install)")


def test_without_a_journal_every_page_says_what_there_is(open_page) -> None:
    def config(port: int) -> str:
        hook = f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "http://127.0.0.1:{port}/all" }}\n'
        return f'[engine]\ndurability = "memory"\n[admin]\nlisten = "127.0.0.1:0"\n{hook}'

    running = Running(config).start()
    try:
        running.submit(an_event("Signed Up", "m-1"))
        page = open_page(url=running.url, refused=True)  # the life of an event is nothing that is there
        for place, told in WITHOUT_JOURNAL.items():
            page.goto(running.url + place)
            expect(page.get_by_role("main")).to_contain_text(told)
    finally:
        running.stop()


WITHOUT_JOURNAL = {
    "#/destinations/hook": "What becomes of its events",
    "#/events": "there is none yet, or no journal",
    "#/events/m-1": 'there is no journal, as durability = "memory" has it',
    "#/tail": "latest 1 attempts",
    "#/letters": "There are none: nothing was given up.",
    "#/replays": "There is no journal (durability is memory)",
    "#/tester": "Choose an event",
    "#/configuration": "memory: there is none",
}


def test_two_hundred_destinations_are_painted_within_a_second(browser: Any, tmp_path: Path, open_page) -> None:
    def config(port: int) -> str:
        many = "".join(
            f'[destinations.d{number:03}]\ntype = "webhook"\nsettings = {{ url = "http://127.0.0.1:{port}/all" }}\n'
            for number in range(200)
        )
        return f'[engine]\ndurability = "memory"\n[admin]\nlisten = "127.0.0.1:0"\n{many}'

    running = Running(config).start()
    try:
        running.submit(an_event("Signed Up", "m-1"))
        page = open_page(url=running.url)  # the servers are loaded now
        painted_ms = []
        for _ in range(3):  # the best of them: the machine has other things to do
            page.reload()
            expect(page.get_by_role("row", name=re.compile("d199"))).to_be_attached()
            painted_ms.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        assert min(painted_ms) < 1000, painted_ms
        print(f"first paint: {min(painted_ms):.0f} ms")
        page.get_by_label("Find").fill("d19")
        expect(page.get_by_text("10 of 200 destinations")).to_be_visible()
    finally:
        running.stop()
