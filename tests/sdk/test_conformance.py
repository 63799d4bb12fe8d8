"""The conformance suite catches what it is there for: each flaw, put into a destination that passes, fails the test made for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import doorstep
import pytest
from doorstep.engine.scaffold import Kind, new_destination

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]


def run(folder: Path, *nodes: str) -> tuple[int, str]:
    """pytest as an author would call it: its exit code and its output."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--tb=no",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(folder),
            *(nodes or ["."]),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(Path(path).absolute().parent) for path in doorstep.__path__),
        },
    )
    return done.returncode, done.stdout


def flaw(folder: Path, number: int, kind: Kind, file: str, old: str, new: str) -> None:
    """A destination that would pass but for `new` in place of `old`."""
    path = new_destination(f"flaw_{number}", folder, kind) / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is not in the template, or not once"
    path.write_text(text.replace(old, new), encoding="utf-8")


def with_method(*lines: str) -> tuple[str, str, str]:
    """The template's class with one more method."""
    method = "".join(f"    {line}\n" for line in lines)
    return "destination.py", "    def request", f"{method}\n    def request"


REQUEST_FLAWS: list[tuple[str, str, str, str]] = [
    ("test_it_says_what_it_is", "destination.py", 'description = "Sends', 'description = "" and "Sends'),
    ("test_every_setting_has_a_description", "destination.py", 'description="Where the API is.", ', ""),
    ("test_a_setting_that_sounds_secret_is_a_secret", "destination.py", "Annotated[Secret,", "Annotated[str,"),
    ("test_no_secret_shows_in_a_repr", *with_method("def __repr__(self):", "    return str(self._headers)")),
    ("test_limits_make_sense", "destination.py", "Limits(max_events=100)", "Limits(max_events=0)"),
    ("test_the_key_of_an_event_is_stable_and_hashable", *with_method("def key(self, envelope):", "    return [1]")),
    ("test_the_readme_tells_settings_limits_and_idempotency", "README.md", "## Idempotency", "## Whatever"),
    ("test_the_readme_tells_settings_limits_and_idempotency", "README.md", "| `endpoint` |", "| |"),
    ("test_a_request_is_legal", "destination.py", '"application/json"', '"application/json\\n"'),
    ("test_no_secret_is_in_the_url", "destination.py", '/v1/events"', '/v1/events?key={settings.api_key.reveal()}"'),
    (
        "test_the_same_batch_makes_the_same_request_and_stays_as_it_was",
        "destination.py",
        "webhook_id(batch.key)",
        "str(__import__('uuid').uuid4())",
    ),
    (
        "test_signing_is_a_function_of_request_and_time",
        *with_method("def sign(self, request, batch, at):", "    return Request('PUT', request.url)"),
    ),
    (
        "test_the_parts_of_a_batch_and_of_its_halves_carry_each_event_once",
        *with_method("def requests(self, batch):", "    yield self.request(batch), batch.take([0])"),
    ),
    (
        "test_an_authority_asks_without_showing_secrets_and_reads_any_answer",
        *with_method(
            "class Trusting(__import__('doorstep.engine.sdk', fromlist=['*']).ClientCredentials, frozen=True):",
            "    def token_from(self, response):",
            "        return __import__('json').loads(response.body)['access_token']",
            "authority = Trusting(token_url='https://id.example/', client_id='us', client_secret=Secret('k'))",
        ),
    ),
    ("test_every_status_has_a_verdict", *with_method("def verdict(self, response, batch):", "    return []")),
    (
        "test_no_response_makes_verdict_raise",
        *with_method(
            "def verdict(self, response, batch):",
            "    msgspec.json.decode(response.body)",
            "    return super().verdict(response, batch)",
        ),
    ),
    ("test_golden[track.json]", "golden/track.json", '"name": "Signed Up"', '"name": "Signed In"'),
    ("test_golden[track.json]", "golden/track.json", '"http_401"', '"http_400"'),
    ("test_golden[page.json]", "golden/page.json", "EventNotSupported", "ValidationError"),
]

SINK_FLAWS: list[tuple[str, str, str, str]] = [
    (
        "test_a_batch_written_again_overwrites_itself",
        "destination.py",
        "{batch.first:020}",
        "{__import__('uuid').uuid4()}",
    ),
    ("test_the_next_batch_does_not_overwrite_the_last", "destination.py", "{batch.first:020}", "all"),
    ("test_what_is_written_can_be_seen", "destination.py", "        try:", "        return DELIVERED\n        try:"),
    (
        "test_close_is_safe_after_an_open_that_was_cut_off_and_when_repeated",
        "destination.py",
        '"""Nothing is held open."""',
        "del self.handle",
    ),
    ("test_it_opens_again_after_a_close", "destination.py", "exist_ok=True", "exist_ok=False"),
    ("test_golden[file.json-asyncio]", "golden/file.json", '"delivered"', '"rejected"'),
]
ACTION_FLAWS = [
    ("test_every_action_says_what_it_is", "destination.py", "Sets what is known about a user.", "Sets it"),
    ("test_every_field_says_what_it_is", "destination.py", 'label="E-mail",', 'label="",'),
    ("test_presets_and_defaults_are_well_formed", "destination.py", 'type = "identify"', "type ="),
    ("test_names_of_actions_are_unique_and_shared_fields_exist", "destination.py", '"update_user"', '"track_event"'),
    ("test_the_readme_has_the_table_of_actions_as_they_are", "README.md", "| What happened. |", "| It happened. |"),
    ("test_a_request_is_legal_and_the_same_each_time", "destination.py", '"id": envelope.key', '"id": id(fields)'),
    (
        "test_no_secret_is_in_the_url",
        "destination.py",
        "endpoint + self.path,",
        "endpoint + self._headers['Authorization'][7:],",
    ),
    ("test_events_are_not_changed", "destination.py", "return {", 'fields["properties"]["seen"] = 1\n        return {'),
    (
        "test_any_event_is_mapped_or_refused_and_never_breaks",
        "destination.py",
        "**fields}",
        '**fields, "n": float(fields["properties"].get("revenue") or 0)}',
    ),
    ("test_every_preset_has_a_golden", "golden/identify.json", '"identify"', '"page"'),
    *(
        ("test_golden[track.json]", "golden/track.json", *one)
        for one in (('"m-1",\n', '"m-2",\n'), ('"http_400"', '"http_401"'))
    ),
    ("test_golden[refused.json]", "golden/refused.json", "validation_error", "too_large"),
]


def test_each_flaw_fails_its_test(tmp_path: Path) -> None:
    flaws: list[tuple[Kind, str, str, str, str]] = [("request", *one) for one in REQUEST_FLAWS]
    flaws += [("sink", *one) for one in SINK_FLAWS]
    flaws += [("actions", *one) for one in ACTION_FLAWS]
    for number, (kind, _, *change) in enumerate(flaws):
        flaw(tmp_path, number, kind, *change)
    nodes = [f"flaw_{n}/test_flaw_{n}.py::TestFlaw{n}::{test}" for n, (_, test, *_) in enumerate(flaws)]
    for golden in new_destination("bare", tmp_path).glob("golden/*"):
        golden.unlink()
    nodes.append("bare/test_bare.py::TestBare::test_there_are_goldens")
    _, output = run(tmp_path, *nodes)
    assert [node for node in nodes if f"FAILED {node}" not in output] == [], output


def test_what_the_templates_make_passes_untouched(tmp_path: Path) -> None:
    new_destination("acme_3", tmp_path, "actions")
    new_destination("acme", tmp_path, "request")
    new_destination("acme_files_2", tmp_path, "sink")
    code, output = run(tmp_path)
    assert code == 0, output
