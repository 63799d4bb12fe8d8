"""What a reload is told to do, and when a batch has to be formed anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from doorstep.engine.catalogue import Catalogue
from doorstep.engine.config import Changes, Config, changes, load_config, version

BASE = """
[destinations.hook]
type = "acme"
settings = { url = "https://acme.example", token = "one", headers = { A = "1", B = "2" }, tags = ["a", "b"] }
timeout = "5s"
"""
OTHER = '[destinations.other]\ntype = "acme"\nsettings = { url = "https://acme.example" }\n'


def load(text: str, catalogue: Catalogue) -> Config:
    return load_config(text=text, environ={}, catalogue=catalogue)


def test_nothing_changes_if_nothing_does(catalogue: Catalogue) -> None:
    found = changes(load(BASE, catalogue), load(BASE + "sample = 1.0\n# a comment", catalogue))
    assert found == Changes(unchanged=["hook"])
    assert not found


def test_destinations_come_and_go(catalogue: Catalogue) -> None:
    found = changes(load(BASE, catalogue), load(OTHER, catalogue))
    assert found == Changes(added=["other"], removed=["hook"])
    assert found


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ('"5s"', '"6s"', ["timeout"]),
        ('"one"', '"two"', ["settings.token"]),
        ('A = "1"', 'A = "3"', ["settings.headers.A"]),
        ('A = "1", ', "", ["settings.headers.A"]),
        ('"b"]', '"b", "c"]', ["settings.tags"]),
        (
            'timeout = "5s"',
            'timeout = "5s"\ntrigger = "all"\nrate = { per_second = 9 }',
            ["trigger", "rate.per_second"],
        ),
        ('timeout = "5s"', 'retry = { preset = "webhook" }', ["timeout", "retry.preset"]),
    ],
)
def test_what_changed_is_named_by_its_path(old: str, new: str, paths: list[str], catalogue: Catalogue) -> None:
    found = changes(load(BASE, catalogue), load(BASE.replace(old, new), catalogue))
    assert found == Changes(changed={"hook": [f"destinations.hook.{path}" for path in paths]})


def test_a_table_that_appears_is_named_as_a_whole(catalogue: Catalogue) -> None:
    text = '[destinations.hook]\ntype = "webhook"\nsettings = { url = "https://acme.example" }\n'
    found = changes(load_config(text=text), load_config(text=text + "rate = { per_second = 9 }"))
    assert found.changed == {"hook": ["destinations.hook.rate"]}


def test_what_computed_hosts_may_reach_is_a_change_of_every_destination(catalogue: Catalogue) -> None:
    found = changes(
        load(BASE + OTHER, catalogue), load('[network]\nallow = ["10.0.0.0/8"]\n' + BASE + OTHER, catalogue)
    )
    assert found == Changes(changed={"hook": ["network.allow"], "other": ["network.allow"]})


def test_engine_and_ingress_need_a_restart(catalogue: Catalogue) -> None:
    tcp = '[[ingress]]\ntype = "tcp"\nlisten = "127.0.0.1:{}"\n'
    old = load('[engine]\nspec = "any"\n' + tcp.format(1) + BASE, catalogue)
    new = load('[engine]\nbackend = "trio"\n' + tcp.format(2) + BASE, catalogue)
    assert [str(problem) for problem in changes(old, new).needs_restart] == [
        "configuration: engine.backend: needs a restart; until then the old value holds",
        "configuration: engine.spec: needs a restart; until then the old value holds",
        "configuration: ingress[0].listen: needs a restart; until then the old value holds",
    ]
    assert changes(old, load(BASE, catalogue)).needs_restart[-1].path == "ingress[0]"
    assert (
        changes(old, load(tcp.format(1) + tcp.format(3).replace("tcp", "tcp", 1) + 'name = "b"\n' + BASE, catalogue))
        .needs_restart[-1]
        .path
        == "ingress"
    )


def test_no_value_is_in_a_plan_of_changes(catalogue: Catalogue) -> None:
    found = changes(load(BASE, catalogue), load(BASE.replace('"one"', '"hunter22"'), catalogue))
    assert "hunter22" not in repr(found)


# Versions ------------------------------------------------------------------------------------------------------------


def version_of(text: str, catalogue: Catalogue) -> str:
    return version(load(text, catalogue).destinations["hook"])


@pytest.mark.parametrize(
    "change",
    [
        ('"one"', '"two"'),
        ('A = "1"', 'A = "3"'),
        ("acme.example", "acme.test"),
        ('timeout = "5s"', 'trigger = "all"'),
        ('timeout = "5s"', 'consent = ["Advertising"]'),
        ('timeout = "5s"', 'fields = { deny = ["context.ip"] }'),
        ('timeout = "5s"', "sample = 0.5"),
        ('timeout = "5s"', "enabled = false"),
        ('timeout = "5s"', 'integration = "Mine"'),
        ('timeout = "5s"', 'sources = ["stdin"]'),
        ('timeout = "5s"', "batch = { max_events = 2 }"),
    ],
    ids=lambda change: change[1],
)
def test_a_version_changes_with_what_a_batch_is_formed_by(change: tuple[str, str], catalogue: Catalogue) -> None:
    assert version_of(BASE.replace(*change), catalogue) != version_of(BASE, catalogue)


@pytest.mark.parametrize(
    "line",
    [
        'timeout = "6s"',
        "in_flight = 1",
        "rate = { per_second = 1 }",
        'owner = "x"',
        'proxy = "http://p:1"',
        'overflow = "drop_newest"',
    ],
)
def test_a_version_stays_with_what_is_read_at_each_attempt(line: str, catalogue: Catalogue) -> None:
    memory = '[engine]\ndurability = "memory"\n'
    assert version_of(memory + BASE.replace('timeout = "5s"', line), catalogue) == version_of(BASE, catalogue)


def test_a_version_is_the_same_whatever_the_order_of_keys(catalogue: Catalogue) -> None:
    turned = BASE.replace('A = "1", B = "2"', 'B = "2", A = "1"')
    assert version_of(turned, catalogue) == version_of(BASE, catalogue)


def test_a_version_is_the_same_in_every_process() -> None:
    program = (
        "from doorstep.engine.config import load_config, version\n"
        'text = \'[destinations.h]\\ntype="webhook"\\nsettings={url="https://a.example",signing_secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}\'\n'
        "print(version(load_config(text=text).destinations['h']))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            timeout=50,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            cwd=Path(__file__).parent,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
    assert len(seen.pop().strip()) == 32
