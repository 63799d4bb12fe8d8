"""A running engine takes on a new configuration, and never a bad one."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import httpcore2
import pytest
from doorstep.engine.admin.place import find_place


@pytest.fixture
def configure(write_config, receiver):
    def write(version: str):
        return write_config(
            f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{receiver.url()}", headers = {{ X-Version = "{version}" }} }}'
        )

    return write


@pytest.fixture
def version_seen(receiver, events):
    """Sends one event, and returns the header that it came with."""

    def send(process) -> bytes:
        before = len(receiver.heads())
        process.send(events(1, f"after-{before}"))
        receiver.wait_for(lambda: len(receiver.heads()) > before)
        return receiver.heads()[-1].partition(b"x-version: ")[2].partition(b"\r\n")[0]

    return send


def test_on_sighup_the_next_request_is_made_by_the_new_file(start, configure, version_seen, write_config, summary_of):
    configure("one")
    process = start("run", "--summary", "json")
    assert version_seen(process) == b"one"

    configure("two")
    process.signal(signal.SIGHUP)
    process.wait_until_said("reloaded changed=destinations.hook.settings.headers")
    assert version_seen(process) == b"two"

    write_config('[destinations.hook]\ntype = "webhook"\nsettings = { url = "ftp://nowhere" }')
    process.signal(signal.SIGHUP)
    process.wait_until_said(
        r"not reloaded, the old configuration stays: .*doorstep\.toml:3: destinations\.hook\.settings\.url"
    )
    assert version_seen(process) == b"two"

    process.stdin.close()
    code, stdout = process.end()
    assert code == 0
    assert summary_of(stdout)["destinations"]["hook"]["delivered"] == 3


def test_the_admin_api_checks_and_reloads_the_files(start, configure, version_seen, write_config, tmp_path):
    def ask(what: str) -> Any:
        with httpcore2.ConnectionPool(uds=str(find_place(tmp_path / "doorstep-data"))) as pool:
            url = f"http://localhost/admin/v1/configuration/{what}"
            return json.loads(
                pool.request("POST", url, headers=[("Host", "localhost"), ("Content-Length", "0")]).content
            )

    configure("one")
    process = start("run")
    assert version_seen(process) == b"one"
    configure("two")
    assert ask("reload")["changed"] == {"hook": ["destinations.hook.settings.headers.X-Version"]}
    assert version_seen(process) == b"two"
    write_config('[destinations.hook]\ntype = "webhook"\nsettings = { url = "ftp://nowhere" }')
    assert [problem["path"] for problem in ask("check")["problems"]] == ["destinations.hook.settings.url"]
    assert ask("reload")["error"]["message"].startswith("not reloaded, the old configuration stays:")
    assert version_seen(process) == b"two"
    process.stdin.close()
    assert process.end()[0] == 0


def test_a_sighup_during_the_start_is_obeyed_once_the_engine_runs(start, tmp_path, receiver):
    """The configuration is a pipe: opening it to write waits until it is being read."""
    text = '[[ingress]]\ntype = "tcp"\nlisten = "127.0.0.1:0"\n[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{}" }}'
    pipe = tmp_path / "doorstep.toml"
    os.mkfifo(pipe)
    process = start("run")
    with pipe.open("w") as config:
        process.signal(signal.SIGHUP)
        config.write(text.format(receiver.url("/one")))
    process.wait_until_said("listening on")
    pipe.write_text(text.format(receiver.url("/two")))
    process.wait_until_said("reloaded changed=destinations.hook.settings.url")
    process.signal(signal.SIGTERM)
    assert process.end()[0] == 0


def test_a_watched_file_is_reloaded_when_it_changes(start, configure, version_seen):
    configure("one")
    process = start("run", "--watch", "-v")
    assert version_seen(process) == b"one"
    configure("two")
    process.wait_until_said("reloaded changed=destinations.hook.settings.headers")
    assert version_seen(process) == b"two"
    process.signal(signal.SIGTERM)
    assert process.end()[0] == 0


def test_what_needs_a_restart_is_said(start, configure, version_seen, write_config, receiver):
    config = configure("one").read_text()
    process = start("run")
    assert version_seen(process) == b"one"
    write_config(f'[engine]\nmemory_log = "1MiB"\n{config}')
    process.signal(signal.SIGHUP)
    process.wait_until_said("engine.memory_log: needs a restart; until then the old value holds")
    assert version_seen(process) == b"one"
    process.stdin.close()
    assert process.end()[0] == 0


def test_a_destination_that_is_added_gets_what_comes_from_then_on(
    start, configure, version_seen, receiver, write_config, events
):
    config = configure("one").read_text()
    process = start("run")
    version_seen(process)
    write_config(
        f'{config}\n[destinations.second]\ntype = "webhook"\nsettings = {{ url = "{receiver.url("/second")}" }}'
    )
    process.signal(signal.SIGHUP)
    process.wait_until_said("reloaded added=second")
    process.send(events(1, "later"))
    process.stdin.close()
    assert process.end()[0] == 0
    assert receiver.lines("/second") == events(1, "later")
    assert len(receiver.lines()) == 2


def test_without_a_file_there_is_nothing_to_reload(start, receiver):
    process = start("run", "--to", receiver.url())
    process.send([b"{"])
    process.wait_until_said("rejected a line")
    process.signal(signal.SIGHUP)
    process.wait_until_said("nothing to reload")
    process.stdin.close()
    assert process.end()[0] == 3


def test_an_edited_function_is_reloaded_and_a_broken_edit_leaves_the_old_one(start, write_config, tmp_path, events):
    """The function says what it is by what it prints; in a real one that would be for the log."""
    source = tmp_path / "f.py"

    def edit(name: str) -> None:
        source.write_text(
            f"import sys\ndef on_track(event, settings, ctx):\n    print('seen by {name}', file=sys.stderr)\n"
        )

    edit("one")
    write_config(f'[destinations.f]\ntype = "function"\nsource = "{source}"\n')
    process = start("run", "--watch", "-v")
    process.send(events(1, "a"))
    process.wait_until_said("seen by one")
    source.write_text("def on_track(event:\n")
    process.wait_until_said(
        r"not reloaded, the old configuration stays: .*f\.py:1: destinations\.f\.source: is not Python"
    )
    edit("two")
    process.wait_until_said("reloaded changed=destinations.f.source")
    process.send(events(1, "b"))
    process.wait_until_said("seen by two")
    process.signal(signal.SIGTERM)
    assert process.end()[0] == 0
