"""`doorstep status` and `tail`: what a running engine says of itself is what its receivers saw, and what its summary says afterwards."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

CONFIG = """
[destinations.good]
type = "webhook"
owner = "growth-data"
settings = {{ url = "{good}", headers = {{ Authorization = "Bearer s3cret-t0ken" }} }}
[destinations.flaky]
type = "webhook"
batch = {{ max_events = 50 }}
settings = {{ url = "{flaky}" }}
[destinations.bad]
type = "webhook"
trigger = "properties.n < 40"
settings = {{ url = "{bad}" }}
[destinations.pages]
type = "webhook"
trigger = 'type = "page"'
settings = {{ url = "{pages}" }}
"""


@pytest.fixture
def configured(receiver, write_config) -> None:
    write_config(CONFIG.format(**{name: receiver.url(f"/{name}") for name in ("good", "flaky", "bad", "pages")}))


@pytest.fixture
def settled(invoke) -> Callable[[Callable[[dict[str, Any]], bool]], dict[str, Any]]:
    """The status, once it is as wanted."""

    def wait(wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        until = time.monotonic() + 20
        while True:
            done = invoke("status", "--format", "json")
            status: dict[str, Any] = json.loads(done.stdout) if done.exit_code == 0 else {}
            if status and wanted(status):
                return status
            assert time.monotonic() < until, (done.stdout, done.stderr)
            time.sleep(0.1)

    return wait


def metrics(folder: Path) -> dict[str, dict[str, float]]:
    """By metric and destination, other labels summed; what is of the engine is under ""."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(folder / "doorstep-data" / "admin.sock"))
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with connection.makefile("rb") as stream:
            answer = stream.read().decode()
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(answer.partition("\r\n\r\n")[2]):
        for sample in family.samples:
            values = found.setdefault(sample.name, {})
            name = sample.labels.get("destination", "")
            values[name] = values.get(name, 0.0) + sample.value
    return found


def seen(receiver, path: str) -> set[str]:
    return {json.loads(line)["messageId"] for line in receiver.lines(path)}


@pytest.mark.usefixtures("configured")
def test_all_who_count_come_to_the_same_numbers_after_a_run_with_faults(
    start, receiver, answer, events, settled, summary_of, tmp_path
):
    receiver.answers |= {"/flaky": answer(500), "/bad": answer(400)}
    engine = start("run", "--summary", "json")
    lines = events(400)
    engine.send([*lines[:200], b"no json", *lines[200:], b'{"type": "track"}'])
    settled(lambda status: status["destinations"]["flaky"]["failed"].get("http_500", 0) >= 3)
    settled(lambda status: status["destinations"]["bad"]["dead_lettered"] >= 10)
    receiver.answers["/flaky"] = answer(200)
    receiver.answers["/bad"] = answer(200)
    status = settled(
        lambda status: all(not one["pending"] and not one["parked"] for one in status["destinations"].values())
    )
    measured = metrics(tmp_path)
    engine.signal(signal.SIGTERM)
    code, out = engine.end()
    summary = summary_of(out)
    assert code == 0
    for key in ("received", "accepted", "duplicates", "rejected"):
        assert status[key] == summary[key], key
    assert measured["doorstep_received_events_total"][""] == summary["received"] == 402
    assert measured["doorstep_rejected_events_total"][""] == 2
    for name, numbers in summary["destinations"].items():
        assert {key: status["destinations"][name][key] for key in numbers} == numbers, name
        assert measured["doorstep_offered_events_total"][name] == numbers["offered"] == 400
        assert measured["doorstep_delivered_events_total"][name] == numbers["delivered"]
        assert measured["doorstep_attempts_total"][name] == numbers["attempts"]
        assert measured["doorstep_retried_attempts_total"][name] == numbers["retried"]
        assert measured["doorstep_filtered_events_total"].get(name, 0) == sum(numbers["filtered"].values())
        assert measured["doorstep_dead_letter_events_total"].get(name, 0) == numbers["dead_lettered"]
    destinations = summary["destinations"]
    assert destinations["bad"]["dead_lettered"] >= 10
    assert destinations["good"]["delivered"] == len(seen(receiver, "/good")) == 400
    assert destinations["flaky"]["delivered"] == len(seen(receiver, "/flaky")) == 400
    assert destinations["bad"]["delivered"] + destinations["bad"]["dead_lettered"] == len(seen(receiver, "/bad")) == 40
    assert destinations["bad"]["attempts"] == len(receiver.heads("/bad"))
    assert destinations["flaky"]["attempts"] == len(receiver.heads("/flaky"))
    assert destinations["pages"]["filtered"] == {"trigger": 400}


@pytest.mark.usefixtures("configured")
def test_a_table_shows_every_destination_with_its_owner(start, events, settled, invoke):
    engine = start("run")
    engine.send(events(100))
    settled(lambda status: status["destinations"]["good"]["delivered"] == 100)
    done = invoke("status")
    assert done.exit_code == 0
    head, columns, *rows = done.stdout.splitlines()
    assert head.startswith("received 100, accepted 100 in ")
    assert columns.split() == [
        *("destination", "state", "a", "second", "delivered", "lag", "parked", "given-up", "p99", "ms", "owner")
    ]
    assert re.fullmatch(r"good +working +\d+ +100 +0 +0 +0 +[\d.]+ growth-data *", rows[0])
    assert re.fullmatch(r"pages +working +0 +0 +0 +0 +0 +\S+ - *", rows[3])
    assert re.fullmatch(r"journal \S+ of 10GiB; the last \S+ are kept for replay \(of 1d\)", rows[4])
    assert rows[5].startswith("memory ")


@pytest.fixture
def tail(start, settled, events) -> tuple[Any, Any]:
    """An engine that has delivered one batch everywhere, and a `tail` of one destination."""
    engine = start("run")
    engine.send(events(3, "first"))
    settled(lambda status: status["destinations"]["good"]["delivered"] == 3)
    return engine, start("tail", "good", "--bodies")


@pytest.mark.usefixtures("configured")
def test_deliveries_are_shown_as_they_happen_until_the_engine_ends(tail, events):
    engine, shown = tail
    shown.wait_until_shown("good  delivered (HTTP 200): 3 events, from first-0, ")
    engine.send(events(1, "second"))
    shown.wait_until_shown("good  delivered (HTTP 200): 1 event, second-0, ")
    engine.signal(signal.SIGTERM)
    code, out = shown.end()
    assert (code, shown.said) == (0, "the engine has ended\n")
    assert b"    > Authorization: ***\n" in out
    assert b"s3cret" not in out
    assert engine.end()[0] == 0


@pytest.mark.usefixtures("configured")
def test_past_deliveries_are_shown_as_json(start, events, settled, invoke):
    engine = start("run")
    engine.send(events(2))
    settled(lambda status: status["destinations"]["good"]["delivered"] == 2)
    done = invoke("tail", "--no-follow", "--last", "1", "good", "--format", "json")
    [line] = done.stdout.splitlines()
    told = json.loads(line)
    assert (told["destination"], told["events"], told["status"], told["result"]) == ("good", 2, 200, "delivered")
    assert (invoke("tail", "nobody").exit_code, invoke("tail", "nobody").stderr) == (
        3,
        "Error: no destination nobody\n",
    )


@pytest.mark.parametrize("command", ["status", "status --watch", "tail", "tap good", "tail --no-follow"])
@pytest.mark.usefixtures("configured")
def test_without_an_engine_they_say_so_with_3(invoke, command):
    done = invoke(*command.split())
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr == "Error: no engine runs on doorstep-data; `doorstep run` starts one\n"
