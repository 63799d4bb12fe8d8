"""Whatever the OpenAPI document allows, and much that it does not, is answered, and never with 500: `tox -e schema`.

schemathesis makes requests from the document and from what breaks it, against a real engine over HTTP, each address for itself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from doorstep.engine.admin.app import resources_of
from doorstep.engine.admin.messages import PREFIX
from hypothesis import HealthCheck, given, settings

from tests.console.conftest import CONFIG, Running, until

schemathesis = pytest.importorskip("schemathesis", reason="the OpenAPI document is not tried: `tox -e schema` does")
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance  # noqa: E402

pytestmark = pytest.mark.schema

EXAMPLES = 60
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("schema")
    running = Running(lambda port: CONFIG.format(folder=folder / "data", port=port), folder / "doorstep.toml").start()
    running.submit(*({**EVENT, "messageId": f"m-{at}", "properties": {"bad": True}} for at in range(5)))
    until(lambda: running.engine.statistics().destinations["picky"].dead_lettered == 5)
    yield running
    running.stop()


EVENT = {"type": "track", "event": "Signed Up", "userId": "u-1"}


@pytest.fixture(scope="module")
def document(running: Running) -> Any:
    return schemathesis.openapi.from_url(f"{running.url}admin/v1/openapi.json")


def operations() -> list[tuple[str, str]]:
    """Methods and paths as the document has them. The live stream has no end, so nobody can say what it answers."""
    resources = resources_of(None, None, object())  # type: ignore[arg-type]
    return [
        (one.method, re.sub(r":\w+}", "}", one.path))
        for one in resources
        if one.path.startswith(PREFIX) and not one.path.endswith(("/stream", "/openapi.json"))
    ]


@pytest.mark.parametrize(("method", "path"), operations(), ids=lambda value: value)
def test_whatever_is_asked_is_answered_as_the_document_says(document: Any, caplog, method: str, path: str) -> None:
    operation = document[path][method]
    right, wrong = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
    caplog.set_level(logging.ERROR, "doorstep.admin")

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=right | wrong)
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, timeout=20)

    ask()
    assert [record.message for record in caplog.records if record.name == "doorstep.admin"] == []
