"""`doorstep test` beside its transcripts: as JSON, what it takes for an event, and what it really sends."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner, Result
from doorstep.engine import load_config
from doorstep.engine.cli.test import test_command as command_of_test
from doorstep.engine.errors import TransportError
from doorstep.engine.model.exchange import Request, Response
from doorstep.engine.sdk.samples import SAMPLES
from doorstep.engine.tester import DestinationReport, EventTester

HERE = Path(__file__).parent
CONFIG = str(HERE / "doorstep.toml")


def run(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(command_of_test, [*arguments, "-c", CONFIG], input=input)


def test_as_json_it_is_the_reports_beside_the_event() -> None:
    done = run("slack-sales", "--sample", "Order Refunded", "--format", "json")
    assert done.exit_code == 3
    [told] = json.loads(done.stdout)
    assert told["event"]["event"] == "Order Refunded"
    [report] = told["destinations"]
    assert (report["destination"], report["type"], report["passed"]) == ("slack-sales", "slack", False)
    refund = report["actions"][1]
    assert (refund["name"], refund["outcome"], refund["reason"]) == ("refund", "rejected", "validation_error")
    assert refund["fields"] == [
        {
            "name": "text",
            "label": "Message",
            "value": None,
            "made_of": {"@path": "$.properties.note"},
            "problem": "is required, and its mapping gives nothing",
        },
        {
            "name": "icon_url",
            "label": "Icon",
            "value": "o-9",
            "made_of": {"@path": "$.properties.order_id"},
            "problem": "Icon must be a valid URI string but it was not.",
        },
    ]


def test_as_json_nothing_is_secret_either() -> None:
    done = run("--format", "json")
    assert len(json.loads(done.stdout)[0]["destinations"]) == 7
    assert "s3cr3t" not in done.stdout


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"type": "track",\n "event": "A",\n "userId": "u"}', ["A"]),
        (
            '[{"type": "track", "event": "A", "userId": "u"}, {"type": "track", "event": "B", "userId": "u"}]',
            ["A", "B"],
        ),
        (
            '{"type": "track", "event": "A", "userId": "u"}\n\n{"type": "track", "event": "B", "userId": "u"}\n',
            ["A", "B"],
        ),
    ],
    ids=["one over many lines", "a list", "one a line"],
)
def test_events_come_as_people_have_them(text: str, names: list[str]) -> None:
    done = run("slack", "--event", "-", "--format", "json", input=text)
    assert [one["event"]["event"] for one in json.loads(done.stdout)] == names


def test_what_is_no_event_is_said_and_the_others_are_tested() -> None:
    done = run("slack", "--event", "-", input='{"type": "trak"}\n{"type": "track", "event": "A", "userId": "u"}\n')
    assert done.exit_code == 3
    assert "the event would be rejected on arrival: " in done.stderr
    assert done.stdout.startswith('track "A" -> slack (slack): would be sent')


def test_what_on_batch_returns_and_is_not_looked_at_is_said(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("async def on_batch(events, settings, ctx):\n    return {'ok': True}\n")
    file = tmp_path / "doorstep.toml"
    file.write_text('[destinations.b]\ntype = "function"\nsource = "b.py"\n')
    done = CliRunner().invoke(command_of_test, ["b", "-c", str(file)])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-2:] == [
        '    returned {"ok": true}',
        (
            '    = would be delivered: on_batch must return None or a list of {"status": 200}; '
            "dict is not looked at, and all count as delivered (b.py:1 in on_batch)"
        ),
    ]


def test_what_cannot_be_decoded_is_a_dead_letter_where_routing_reads_it(tmp_path: Path) -> None:
    config = tmp_path / "doorstep.toml"
    hook = '[destinations.{}]\ntype = "webhook"\nsettings = {{ url = "https://hooks.example/" }}\ntrigger = "{}"\n'
    triggers = {"reading": "properties.a > 0", "passing": "event = A", "filtering": "event = B"}
    config.write_text("".join(hook.format(*one) for one in triggers.items()))
    text = '{"type": "track", "event": "A", "userId": "u", "properties": {"a": 1e999}}'
    done = CliRunner().invoke(command_of_test, ["--event", "-", "-c", str(config)], input=text)
    assert done.exit_code == 3
    assert [line for line in done.stdout.splitlines() if " -> " in line] == [
        'track "A" -> reading (webhook): rejected  !!',
        'track "A" -> passing (webhook): would be sent',
        'track "A" -> filtering (webhook): filtered, trigger',
    ]
    assert "undecodable: what decides whether it is for this destination cannot be decoded" in done.stdout


def test_an_event_and_a_sample_are_one_too_many() -> None:
    assert run("--event", "-", "--sample", "track").exit_code == 2


# Really sent ---------------------------------------------------------------------------------------------------------


class Answering:
    """A transport that answers by itself, and keeps what it was sent."""

    def __init__(self, response: Response | TransportError) -> None:
        self.response = response
        self.sent: list[Request] = []

    async def send(self, request: Request, timeout_s: float) -> Response:
        self.sent.append(request)
        if isinstance(self.response, TransportError):
            raise self.response
        return self.response

    async def aclose(self) -> None:
        pass


def sent(transport: Answering, destination: str, *, send: bool = True) -> DestinationReport:
    async def open_transport(net: object) -> Answering:
        return transport

    tester = EventTester(load_config(CONFIG), open_transport=open_transport)
    [report] = anyio.run(lambda: tester.test(SAMPLES["track"], destination=destination, send=send))
    return report


def test_nothing_is_sent_unless_it_is_asked_for() -> None:
    transport = Answering(Response(200))
    for name in ("hook", "slack", "teams", "enriched"):
        assert sent(transport, name, send=False).passed
    assert transport.sent == []


def test_what_is_sent_is_what_was_shown_with_its_secrets() -> None:
    transport = Answering(Response(200, {"x-echo": "s3cr3t-token"}, b"you are s3cr3t-token"))
    report = sent(transport, "hook")
    [request] = transport.sent
    assert request.headers["Authorization"] == "Bearer s3cr3t-token"
    assert (report.passed, report.actions[0].outcome) == (True, "delivered")
    [response] = report.actions[0].responses
    assert (response.status, response.headers, response.body) == (200, {"x-echo": "***"}, "you are ***")


@pytest.mark.parametrize(
    ("response", "outcome", "reason"),
    [
        (Response(400, {}, b"no_text"), "rejected", "no_text"),
        (Response(403, {}, b"invalid_token"), "held", "invalid_token"),
        (Response(503), "tried again", "http_503"),
        (TransportError("connect_refused"), "tried again", "connect_refused"),
    ],
)
def test_an_answer_is_told_as_what_the_engine_would_do(
    response: Response | TransportError, outcome: str, reason: str
) -> None:
    report = sent(Answering(response), "slack")
    assert (report.failed, report.actions[0].outcome, report.actions[0].reason) == (True, outcome, reason)


def test_a_token_is_got_first_put_on_and_never_shown() -> None:
    class Issuing(Answering):
        async def send(self, request: Request, timeout_s: float) -> Response:
            self.sent.append(request)
            if "token" in request.url:
                return Response(200, {}, b'{"access_token": "t0ken-of-an-hour", "expires_in": 3600}')
            return Response(200, {}, b'{"results": [{"id": "1"}], "said": "t0ken-of-an-hour"}')

    text = """
        [destinations.crm]
        type = "hubspot"
        settings = { hub_id = "1", client_id = "c", client_secret = "s3cr3t-client", refresh_token = "s3cr3t-refresh" }
    """
    transport = Issuing(Response(200))

    async def open_transport(net: object) -> Issuing:
        return transport

    tester = EventTester(load_config(text=text), open_transport=open_transport)
    [report] = anyio.run(lambda: tester.test(SAMPLES["identify"], destination="crm", send=True))
    token, upsert = transport.sent
    assert "token" in token.url
    assert upsert.headers["Authorization"] == "Bearer t0ken-of-an-hour"
    [action] = [one for one in report.actions if one.wanted]
    assert (report.passed, action.outcome, action.responses[0].status) == (True, "delivered", 200)
    assert "t0ken-of-an-hour" not in repr(report)
