"""docs/from-segment.md, run: what is pasted works, the table of triggers is true, and both sides of each function do the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest
from doorstep.engine import FunctionTester, load_config
from doorstep.engine.config import examine
from doorstep.engine.routing import compile_fql, doubts
from doorstep.engine.sdk import Delivered, Filtered, Rejected, Response, Retry
from doorstep.engine.tester import EventTester

PAGE = (Path(__file__).parents[2] / "docs" / "from-segment.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}[^\n]*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


# A mapping and its trigger -------------------------------------------------------------------------------------------

ORDER = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u-1",
    "messageId": "m-1",
    "timestamp": "2026-11-29T10:00:00Z",
    "context": {"page": {"title": "Mugs"}, "locale": "en-GB"},
    "properties": {"order_id": "o-9"},
}


def test_an_exported_mapping_and_its_trigger_work_as_they_are(tmp_path: Path) -> None:
    [text] = blocks("toml")
    file = tmp_path / "doorstep.toml"
    file.write_text(text, "utf-8")
    found = examine([file], {"CUSTOMERIO_API_KEY": "s3cr3t"})
    assert (found.problems, found.warnings) == ([], [])
    config = load_config(file, environ={"CUSTOMERIO_API_KEY": "s3cr3t"})
    [report] = anyio.run(EventTester(config).test, ORDER)
    assert report.passed
    [action] = [one for one in report.actions if one.wanted]
    assert {field.name: field.value for field in action.fields if field.value is not None} == {
        "name": "Order Completed",
        "person_id": "u-1",
        "data": {"order_id": "o-9", "shop": "Mugs (en-GB)"},
        "timestamp": 1764410400 + 365 * 86400,
        "event_id": "m-1",
    }
    [opened] = anyio.run(EventTester(config).test, {**ORDER, "event": "Application Opened"})
    assert not any(one.wanted for one in opened.actions if one.name == "track_event")


# Triggers ------------------------------------------------------------------------------------------------------------


def differing() -> list[tuple[str, dict[str, Any], str, str]]:
    rows = re.findall(r"^\| `(.+?)` \| `(\{.+?\})` \| (yes|no): .+? \| (yes|no) \|$", PAGE, re.MULTILINE)
    return [(text.replace("\\r\\n", "\r\n"), json.loads(event), there, here) for text, event, there, here in rows]


@pytest.mark.parametrize(("text", "event", "there", "here"), differing(), ids=[row[0] for row in differing()])
def test_a_trigger_that_reads_otherwise_there_reads_here_as_the_page_says(
    text: str, event: dict[str, Any], there: str, here: str
) -> None:
    assert there != here
    assert compile_fql(text)(event) is (here == "yes")


def test_the_seven_are_all_there_and_the_first_is_warned_of() -> None:
    assert len(differing()) == 7
    assert [text for text, *_ in differing() if any("binds tighter" in one.message for one in doubts(text))] == [
        'type = "track" and event = "A" or event = "B"'
    ]


# Functions -----------------------------------------------------------------------------------------------------------

HARNESS = """
for (const name of ['ValidationError', 'InvalidEventPayload', 'EventNotSupported', 'RetryError', 'DropEvent']) {
  globalThis[name] = class extends Error {}
  Object.defineProperty(globalThis[name], 'name', { value: name })
}
const { code, runs } = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const handlers = new Function(`${code}
  return { track: typeof onTrack === 'undefined' ? null : onTrack, page: typeof onPage === 'undefined' ? null : onPage }`)()
async function run({ event, settings, status, body }) {
  const requests = []
  globalThis.fetch = async (url, { method, headers, body: sent }) => {
    requests.push([method.toUpperCase(), String(url), headers.get('authorization'), JSON.parse(sent)])
    return new Response(body, { status })
  }
  try {
    return { raised: null, returned: (await handlers[event.type](event, settings)) ?? null, requests }
  } catch (error) {
    return { raised: [error.constructor.name, error.message], returned: null, requests }
  }
}
(async () => console.log(JSON.stringify(await Promise.resolve().then(async () => {
  const results = []
  for (const one of runs) results.push(await run(one))
  return results
}))))()
"""


def in_node(code: str, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not here: the JavaScript side of docs/from-segment.md is not run")
    text = json.dumps({"code": code, "runs": runs})
    done = subprocess.run([node, "-e", HARNESS], input=text, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


def event(kind: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "event": "Signed Up",
        "userId": "u 1",
        "messageId": "m-1",
        "context": {"ip": "203.0.113.9", "locale": "de"},
        "properties": properties,
    }


SETTINGS = {"webhookUrl": "https://example.com/in", "apiKey": "k3y"}
RUNS: list[tuple[dict[str, Any], int, str, type, list[str] | None]] = [
    (event("track", plan="pro"), 200, "", Delivered, None),
    (event("track"), 200, "", Rejected, ["ValidationError", "plan is required"]),
    (event("track", plan="pro"), 503, "", Retry, ["RetryError", "Failed with 503"]),
    (event("track", plan="pro"), 429, "", Retry, ["RetryError", "Failed with 429"]),
    (event("track", plan="pro"), 422, "no", Rejected, ["InvalidEventPayload", "no"]),
    (event("page"), 200, "", Filtered, ["EventNotSupported", "page is not supported"]),
]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The Python of the page, by name."""
    found = {}
    for name, text in re.findall(r"^```python (\w+)\.py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        found[name] = tmp_path / f"{name}.py"
        found[name].write_text(text, "utf-8")
    return found


def test_both_sides_of_the_destination_function_do_the_same(files: dict[str, Path]) -> None:
    runs = [{"event": one, "settings": SETTINGS, "status": status, "body": body} for one, status, body, *_ in RUNS]
    there = in_node(blocks("js")[0], runs)
    assert sum(len(one["requests"]) for one in there) == 4
    for (one, status, body, outcome, raised), result in zip(RUNS, there, strict=True):
        answer = Response(status, {}, body.encode())
        here = FunctionTester(files["destination"], SETTINGS, respond=answer).run(one)
        assert isinstance(here.outcome, outcome)
        assert result["raised"] == raised
        assert ([type(here.error).__name__, str(here.error)] if here.error else None) == raised
        assert result["requests"] == [
            [sent.method, sent.url, sent.headers["Authorization"], json.loads(sent.body)] for sent in here.requests
        ]


def test_both_sides_of_the_insert_function_do_the_same(files: dict[str, Path]) -> None:
    given = [event("track", revenue=500), event("track", revenue=5), event("track"), event("track", internal=True)]
    there = in_node(
        blocks("js")[1], [{"event": one, "settings": {"apiKey": ""}, "status": 200, "body": ""} for one in given]
    )
    tester = FunctionTester(files["insert"], {"apiKey": ""}, insert=True)
    here = [tester.run(one) for one in given]
    assert [one["returned"] for one in there] == [one.event for one in here]
    assert [one["raised"] for one in there] == [None, None, None, ["DropEvent", "ours"]]
    assert here[3].outcome == Filtered("dropped_by_function")
    assert [one["properties"]["segment"] for one in (here[0].event, here[1].event, here[2].event) if one] == [
        "large",
        "small",
        "small",
    ]
