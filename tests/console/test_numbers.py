"""What the pages of the console say is what the engine counted, and what the receiver has, after a run with faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import CONFIG, Running
from .test_console import an_event, until

sync_api = pytest.importorskip("playwright.sync_api", reason="the console is not looked at: no playwright here")
expect = sync_api.expect
pytestmark = pytest.mark.browser

MAPPED = """
[destinations.mapped]
type = "webhook"
settings = {{ url = "http://127.0.0.1:{port}/mapped" }}
[destinations.mapped.actions.orders]
action = "send"
trigger = 'event = "Order Completed"'
mapping = {{ id = {{ "@path" = "$.messageId" }} }}
[destinations.mapped.actions.everything]
action = "send"
trigger = 'type = "track"'
mapping = {{ id = {{ "@path" = "$.messageId" }} }}
"""


@pytest.fixture(scope="module")
def numbers(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An engine that is done with 1,200 events, after five dead letters and an outage."""
    folder: Path = tmp_path_factory.mktemp("numbers")
    running = Running(lambda port: (CONFIG + MAPPED).format(folder=folder / "data", port=port)).start()
    running.receiver.is_down = True
    running.submit(*(an_event("Signed Up", f"m-{number}", bad=True) for number in range(5)))
    until(lambda: one_of(running, "picky").dead_lettered == 5 and one_of(running, "moody").attempts > 1)
    running.receiver.is_down = False
    running.submit(*(an_event("Order Completed", f"m-{number}") for number in range(5, 1200)))
    until(lambda: all(not one.pending and not one.parked for one in statistics(running).values()), limit_s=30.0)
    yield running
    running.stop()


def statistics(running: Running) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        return dict(running.engine.statistics().destinations)

    found: dict[str, Any] = running.run(read())
    return found


def one_of(running: Running, name: str) -> Any:
    return statistics(running)[name]


def ids(running: Running, path: str) -> set[str]:
    return {one.get("messageId") or one["id"] for one in running.receiver.seen.get(path, [])}


def test_the_overview_adds_up_to_what_the_receiver_has(numbers: Running, open_page: Any) -> None:
    page = open_page(url=numbers.url)
    page.wait_for_selector("dl.tiles > div")
    tiles = dict(
        page.locator("dl.tiles > div").evaluate_all(
            "all => all.map(one => [one.children[0].textContent, one.children[1].textContent])"
        )
    )
    assert tiles["Received"] == "1,2000 rejected, 0 repeated"
    names = ("all", "orders", "picky", "sickly", "moody", "mapped")
    delivered = sum(len(ids(numbers, f"/{name}")) for name in names)
    assert delivered == sum(one.delivered for one in statistics(numbers).values()) == 4 * 1200 + 2 * 1195
    assert tiles["Delivered / s"].endswith(f"{delivered:,} since the start")
    assert tiles["Waiting"].startswith("0longest")
    assert tiles["Dead letters"] == "5since the start"
    for name, dead in (("all", "0"), ("orders", "0"), ("picky", "5"), ("moody", "0"), ("mapped", "0")):
        row = page.locator("tbody tr", has=page.get_by_role("link", name=name, exact=True))
        cells = {
            label: row.locator(f'td[data-label="{label}"]').inner_text() for label in ("Waiting", "Parked", "Dead")
        }
        assert cells == {"Waiting": "0", "Parked": "0", "Dead": dead}, name


@pytest.mark.parametrize("name", ["all", "orders", "picky", "moody", "mapped", "chat"])
def test_a_destinations_page_says_what_was_counted(numbers: Running, open_page: Any, name: str) -> None:
    page = open_page(f"#/destinations/{name}", url=numbers.url)
    expect(page.locator("ol.funnel > li").first).to_be_visible()
    shown = dict(
        page.locator("ol.funnel > li").evaluate_all(
            "all => all.map(one => [one.querySelector('.name').textContent, one.querySelector('b').textContent])"
        )
    )
    one = one_of(numbers, name)
    counted = {
        "Received": one.offered + one.replayed + one.pending_before,
        "Filtered": sum(one.filtered.values()),
        "Delivered": one.delivered,
        "Waiting": one.pending,
        "Parked for a later try": one.parked,
        "Dead letters": one.dead_lettered,
    }
    assert shown == {title: f"{number:,}" for title, number in counted.items() if number or title in shown}
    assert one.delivered == len(ids(numbers, f"/{name}"))
    facts = page.locator("dl.facts > div").evaluate_all(
        "all => all.map(one => [one.children[0].textContent, one.children[1].textContent])"
    )
    assert [value for title, value in facts if title in ("in all", "repeated")] == [
        f"{one.attempts:,}",
        f"{one.retried:,}",
    ]


def test_what_each_action_did_is_on_the_page_of_its_destination(numbers: Running, open_page: Any) -> None:
    page = open_page("#/destinations/mapped", url=numbers.url)
    done = page.locator("dl.facts", has=page.get_by_text("everything", exact=True)).locator("div")
    expect(done).to_have_text(["everything1,200 delivered", "orders1,195 delivered"])
    page.locator("details > summary").filter(has_text="orders").filter(has_text="Send").click()
    expect(page.get_by_label("Mapping of orders")).to_contain_text('"@path": "$.messageId"')
