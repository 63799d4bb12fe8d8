"""`doorstep explain`: an event's life as it is told, after runs that ended in every way."""

from __future__ import annotations

import json
import re


def test_a_life_is_told_per_destination(doorstep_cli, invoke, receiver, answer, refusing, events, write_config):
    receiver.answers["/bad"] = answer(400)
    write_config(
        '[destinations.bad]\ntype = "webhook"\nowner = "growth-data"\nin_flight = 1\nbatch = { max_events = 1 }\n'
        f'settings = {{ url = "{receiver.url("/bad")}" }}\n'
        f'[destinations.good]\ntype = "webhook"\nsettings = {{ url = "{receiver.url("/good")}" }}\n'
        '[destinations.none]\ntype = "webhook"\ntrigger = \'type = "page"\'\n'
        f'settings = {{ url = "{receiver.url("/none")}" }}\n'
        f'[destinations.down]\ntype = "webhook"\nsettings = {{ url = "{refusing}" }}\n'
    )
    assert doorstep_cli("run", "--drain-timeout", "1s", input=b"\n".join(events(3))).returncode == 75
    done = invoke("explain", "m-1")
    assert done.exit_code == 0
    head, received, *told = done.stdout.splitlines()
    assert head == "m-1, event 2"
    assert re.fullmatch(r"  \S+Z  received from stdin, and stored", received)
    stories = [line for line in told if re.match(r"  \w", line)]
    assert [re.sub(r" \(settings \w+\)", "", line) for line in stories] == [
        "  bad (owner: growth-data): given up, dead letter 2: http_400",
        "  down: pending: it has not been delivered yet",
        "  good: delivered",
        "  none: filtered, it is not for this destination: trigger",
    ]
    tries = {line.split()[1].strip(",") for line in told if line.startswith("    ")}
    assert tries == {"failed", "delivered"}
    (life,) = json.loads(invoke("explain", "m-1", "--format", "json").stdout)
    assert json.loads(life["line"])["messageId"] == "m-1"
    assert {story["destination"]: story["state"] for story in life["stories"]} == {
        "bad": "dead",
        "down": "pending",
        "good": "delivered",
        "none": "filtered",
    }


def test_an_event_that_routing_cannot_read_was_given_up_not_filtered(doorstep_cli, invoke, write_config):
    write_config('[destinations.hook]\ntype = "console"\ntrigger = "properties.a > 0"\n')
    line = b'{"type":"track","event":"a","userId":"u","messageId":"inf","properties":{"a":1e999}}\n'
    assert doorstep_cli("run", input=line).returncode == 3
    told = invoke("explain", "inf").stdout
    assert re.search(r"^  hook: given up, dead letter 1: undecodable \(settings \w+\)$", told, re.MULTILINE)


def test_an_event_that_never_came_is_told_so_with_3(doorstep_cli, invoke, events, write_config):
    write_config('[destinations.out]\ntype = "console"\n')
    assert doorstep_cli("run", input=b"\n".join(events(3))).returncode == 0
    done = invoke("explain", "nobody")
    assert (done.exit_code, done.stdout) == (
        3,
        "nobody: not in this journal: it was never accepted, or it is older than what is kept\n",
    )
    empty = invoke("explain", "nobody", "--format", "json")
    assert (empty.exit_code, empty.stdout) == (3, "[]\n")


def test_a_destination_that_was_taken_out_is_told_to_be_no_more(doorstep_cli, invoke, refusing, events, write_config):
    out = '[destinations.out]\ntype = "console"\n'
    write_config(f'{out}[destinations.down]\ntype = "webhook"\nsettings = {{ url = "{refusing}" }}\n')
    assert doorstep_cli("run", "--drain-timeout", "0.2s", input=events(1)[0]).returncode == 75
    write_config(out)
    told = invoke("explain", "m-0").stdout.splitlines()
    assert "  down: not configured any more; if it comes back: pending: it has not been delivered yet" in [
        line.split(" (settings")[0] for line in told
    ]
    assert "not configured" not in invoke("explain", "m-0", "--data-dir", "doorstep-data").stdout
