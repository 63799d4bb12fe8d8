"""Microsoft Teams beyond what every destination has to pass."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import pytest
from doorstep.engine.sdk import DELIVERED, Failure, Fault, Rejected, Response
from doorstep.engine.sdk.conformance import ActionConformance
from doorstep.engine.sdk.testing import Tester

from .destination import MsTeams

URL = "https://prod-01.westeurope.logic.azure.com/workflows/abc/triggers/manual/paths/invoke?sig=S3cret"
CONNECTOR = "https://example.webhook.office.com/webhookb2/a/IncomingWebhook/b"
EVENT = {"type": "track", "event": "Order Completed", "userId": "u-1", "messageId": "m-1"}


class TestMsTeams(ActionConformance):
    destination = MsTeams
    settings: ClassVar = {"url": URL}
    secret_in_url = True


@pytest.mark.parametrize(
    ("url", "body", "verdict"),
    [
        (CONNECTOR, b"1", DELIVERED),
        (CONNECTOR, b"", Failure(Fault.TRANSIENT, "not_posted", status=200)),
        (URL, b"", DELIVERED),
        (URL, b"<html>fine</html>", DELIVERED),
        (
            URL,
            b"... returned HTTP error 429 ...",
            Failure(Fault.TRANSIENT, "http_429", status=429, detail="... returned HTTP error 429 ..."),
        ),
    ],
)
def test_a_200_of_a_connector_counts_only_with_a_number_in_it(url: str, body: bytes, verdict: object) -> None:
    [sent] = Tester(MsTeams, {"url": url}).run(EVENT, answer=lambda request: Response(200, {}, body))
    assert sent.outcomes == [verdict]


def test_a_card_that_teams_would_not_take_is_not_sent() -> None:
    actions = {"post_message": {"mapping": {"text": {"@path": "$.properties.long"}}}}
    tester = Tester(MsTeams, {"url": URL, "max_message": "1KiB"}, actions=actions)
    [fits] = tester.run({**EVENT, "properties": {"long": "x" * 700}})
    [large] = tester.run({**EVENT, "properties": {"long": "x" * 900}})
    assert (len(fits.requests), fits.outcomes) == (1, [DELIVERED])
    assert large.requests == []
    assert [outcome.reason for outcome in large.outcomes if isinstance(outcome, Rejected)] == ["too_large"]


@pytest.mark.parametrize("url", ["http://prod-01.westeurope.logic.azure.com/x", "ftp://example.com/x", ""])
def test_a_url_that_keeps_no_secret_is_refused(url: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="`url`"):
        Tester(MsTeams, {"url": url})
