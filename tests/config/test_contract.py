"""The configuration that is shown to users, key by key: all of it is valid at once, with the journal on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from doorstep.engine.config import examine

EXAMPLE = """
[engine]
backend = "asyncio"              # asyncio (with uvloop) | trio
data_dir = "doorstep-data"       # journal lives here, mode 0700
durability = "disk"              # disk | os | memory
memory_log = "64MiB"             # memory durability: how much is held
spec = "segment"                 # what is a valid event: segment | any (any JSON object)
max_event_bytes = "32KiB"        # Segment's limit; any size up to 16MiB
retention = "24h"                # kept for replay after delivery, as far as max_journal_bytes allows
max_journal_bytes = "10GiB"

[[ingress]]
type = "stdin"                   # stdin | tcp | unix | http | ...
name = "shop"                    # shown in explain; destinations can choose their sources

[[ingress]]
type = "tcp"
listen = "127.0.0.1:7070"        # unix: path = "/run/doorstep.sock"; tls = { cert = "...", key = "...", client_ca = "..." }
ack = false                      # true: acknowledged in lines of {"ack": n}
dedup = "off"                    # or "24h": exact on messageId, bounded by max_keys

[[ingress]]
type = "http"
listen = "127.0.0.1:8080"
keys = [{ key = "${env:WRITE_KEY}", name = "web", rate = "1000/s", origins = ["https://shop.example.com"] }]

[network]
allow = []                       # networks that computed addresses (functions, templated hosts) may reach besides the public internet

[destinations.hook]              # the name is yours
type = "webhook"
integration = "My hook"          # its name in the event's `integrations` object; the instance name matches too
enabled = true
start = "now"                    # or "oldest": where a new destination begins
owner = "growth-data"            # who is asked when it fails: shown in status, explain, alerts
sources = ["shop"]               # absent = all
trigger = 'type = "track" and event = "Order Completed"'     # FQL; absent = everything
sample = 1.0
consent = ["Advertising"]        # categories that must all be granted
fields = { deny = ["context.ip", "properties.products.cost"] }   # or allow
settings = { url = "https://example.com/in", headers = { Authorization = "Bearer ${env:HOOK_TOKEN}" }, format = "json_array" }
batch   = { max_events = 500, max_bytes = "512KiB", max_wait = "100ms" }
rate    = { per_second = 2000, burst = 2000, unit = "events" }   # or "requests"; absent = unlimited
in_flight = 4                                                # concurrent requests
timeout = "15s"
retry   = { preset = "segment" }                             # or { attempts = 5, base = "1s", cap = "10m", give_up_after = "4h" }
breaker = { consecutive = 5, open = "5s", max_open = "60s" }
mailbox = { max_bytes = "4MiB" }
backlog = { max_bytes = "8GiB", max_age = "72h", when_full = "block" }   # or "expire"
overflow = "block"               # memory durability only: block | drop_newest, drops are counted
tls = { ca = "private-ca.pem" }
proxy = "http://proxy:3128"

[destinations.ga4]
type = "ga4"
settings = { measurement_id = "G-ABC1234567", api_secret = "${env:GA4_SECRET}" }

[destinations.ga4.actions.purchase]                          # a default action changed; a new name adds one
enabled = true
trigger = 'type = "track" and event = "Order Completed"'
mapping = { transaction_id = { "@path" = "$.properties.order_id" } }   # a table, a string of JSON, or mapping_file = "purchase.json"

[functions.enrich]                                           # an insert function: runs before the destinations named
source = "functions/enrich.py"
before = ["ga4"]                                             # absent = all

[destinations.ops-slack]
type = "slack"
settings = { url = "https://hooks.slack.com/services/T0/B0/xyz" }

[[alerts]]
on = ["held", "crashed", "dead_letter", "lag > 10m", "success < 95%"]
to = "ops-slack"                                             # a destination of any type
"""
ENVIRON = {"WRITE_KEY": "w", "HOOK_TOKEN": "t0ken", "GA4_SECRET": "s3cret"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "private-ca.pem"))
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "enrich.py").write_text(
        "def on_track(event, settings, ctx):\n    return event\n", "utf-8"
    )
    return tmp_path


def test_every_key_that_is_shown_is_valid_beside_every_other(folder: Path) -> None:
    (folder / "doorstep.toml").write_text(EXAMPLE, "utf-8")
    found = examine([folder / "doorstep.toml"], environ=ENVIRON)
    assert found.problems == []
    assert found.config is not None
    assert found.config.engine.durability == "disk"
    assert found.config.destinations["hook"].overflow == "block"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("mapping = '{'", "mapping: is no object of JSON: Input data was truncated"),
        (
            'mapping_file = "gone.json"',
            "mapping_file: the file gone.json cannot be read: No such file or directory",
        ),
    ],
)
def test_a_mapping_that_cannot_be_read_is_one_problem_not_a_missing_one_too(
    folder: Path, written: str, told: str
) -> None:
    assert problems(folder, f'trigger = "all"\n{written}\n') == [f"6: destinations.hook.actions.send.{told}"]


def test_a_mapping_file_that_cannot_be_read_hides_no_other_problem(folder: Path) -> None:
    (folder / "bad.json").write_text("{", "utf-8")
    rest = (
        '[destinations.hook.actions.b]\naction = "nosuch"\n[destinations.hook.actions.c]\naction = "send"\n'
        'trigger = "all"\nmapping_file = "bad.json"\n'
    )
    assert problems(folder, f'trigger = "type ="\nmapping_file = "gone.json"\n{rest}') == [
        (
            "5: destinations.hook.actions.send.trigger: is not well-formed FQL: "
            '`=` needs a value here, as in "track", 5, true or null (column 7)'
        ),
        "6: destinations.hook.actions.send.mapping_file: the file gone.json cannot be read: No such file or directory",
        "8: destinations.hook.actions.b.action: there is no action 'nosuch'; there are: send",
        "12: destinations.hook.actions.c.mapping_file: bad.json: is no object of JSON: Input data was truncated",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a":', ["is no object of JSON: Input data was truncated"]),
        (
            '{"é": 1,\n "b": {"@path" "$.é"}}',
            ["is no object of JSON: JSON is malformed: expected ':' (line 2, column 16)"],
        ),
        ('{"é": x}', ["is no object of JSON: JSON is malformed: invalid character (line 1, column 7)"]),
        ('{"a":' * 9999, ["is no object of JSON: maximum recursion depth exceeded while deserializing an object"]),
        (
            '{"a": {"@paht": "$.a"}, "b": {"@hsah": 1}}',
            [
                "/a has an invalid directive: @paht (did you mean @path?)",
                "/b has an invalid directive: @hsah (did you mean @hash?)",
            ],
        ),
    ],
)
def test_what_is_wrong_in_a_mapping_file_is_told_with_its_name(folder: Path, text: str, told: list[str]) -> None:
    (folder / "m.json").write_text(text, "utf-8")
    where = "6: destinations.hook.actions.send.mapping_file: m.json"
    assert problems(folder, 'trigger = "all"\nmapping_file = "m.json"\n') == [f"{where}: {one}" for one in told]


def test_what_is_wrong_in_the_trigger_of_an_action_is_told_on_one_line(folder: Path) -> None:
    message = 'is not well-formed FQL: `=` needs a value here, as in "track", 5, true or null (column 7)'
    assert problems(folder, 'trigger = "type ="\nmapping = { "@path" = "$." }\n') == [
        f"5: destinations.hook.actions.send.trigger: {message}"
    ]


FQL = 'is not well-formed FQL: `=` needs a value here, as in "track", 5, true or null (column 8)'
HEADERS = 'settings = { url = "https://example.com/in", headers = { A = "${env:NOPE}" } }'
NOPE = "settings.headers.A: the environment variable NOPE is not set; set it or write ${env:NOPE:-default}"
NUMBER = (
    "expected a whole number, at least 1 and at most 10000, such as 4 (Requests at a time; absent: what the type says)"
)
TABLE = 'expected a table, such as { url = "https://example.com/in" } (The settings of this type of destination)'


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (HEADERS, NOPE),
        ("settings = 7", f"settings: {TABLE}, got a number"),
        ('settings = { url = "https://example.com/in" }\nin_flight = 0', f"in_flight: {NUMBER}, got 0"),
    ],
    ids=["settings", "no settings at all", "the destination's own"],
)
def test_what_is_wrong_in_an_action_is_told_beside_what_else_is_wrong_with_its_destination(
    folder: Path, settings: str, told: str
) -> None:
    found = problems(folder, 'trigger = "event ="\nmapping = { "x" = { "@paht" = "$.a" } }\n', settings)
    assert [one.partition(": ")[2] for one in found] == [
        f"destinations.hook.{told}",
        f"destinations.hook.actions.send.trigger: {FQL}",
        "destinations.hook.actions.send.mapping: /x has an invalid directive: @paht (did you mean @path?)",
    ]


def test_a_trigger_that_is_missing_hides_nothing_of_the_mapping(folder: Path) -> None:
    missing = "is missing: send has no trigger of its own; write which events it is for"
    assert problems(folder, 'mapping = { "x" = { "@paht" = "$.a" } }\n') == [
        f"4: destinations.hook.actions.send.trigger: {missing}",
        "5: destinations.hook.actions.send.mapping: /x has an invalid directive: @paht (did you mean @path?)",
    ]


def problems(folder: Path, action: str, settings: str = 'settings = { url = "https://example.com/in" }') -> list[str]:
    """What is said about a destination with that action, from the line on."""
    hook = f'[destinations.hook]\ntype = "webhook"\n{settings}\n'
    (folder / "c.toml").write_text(f"{hook}[destinations.hook.actions.send]\n{action}", "utf-8")
    return [str(one).removeprefix(f"{folder}/c.toml:") for one in examine([folder / "c.toml"]).problems]
