"""What is asked of whatever sends its events over HTTP, with actions or without."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...model.exchange import Request, Response
from ...secret import Secret, secrets_in
from ..actions import ActionDestination
from ..destination import RequestDestination
from ..headers import header_problem, url_problem
from ..oauth import Authority, Token
from .common import Common

_CODE = re.compile(r"[a-z0-9_]{1,64}")
BODIES = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"0",
    b'"ok"',
    b'{"errors":[]}',
    b'{"errors":null}',
    b"<html>",
    b"\xff\xfe",
    b"1e999",
)


class OverHttp(Common):
    """For both kinds of destinations behind HTTP."""

    def test_an_authority_asks_without_showing_secrets_and_reads_any_answer(self) -> None:
        authority = self.authority()
        if authority is not None:
            assert authority == self.authority(), "equal settings, equal authority: make it a frozen Struct"
            shown = repr(authority)
            assert [secret for secret in secrets_in(self.make_tester().settings) if secret and secret in shown] == []
            assert_authority(authority, [Response(status, {}, body) for status in range(100, 600) for body in BODIES])

    def test_its_check_changes_nothing(self) -> None:
        destination = self.make_tester().destination
        assert isinstance(destination, RequestDestination | ActionDestination)
        request = destination.check()
        if request is not None:
            assert_legal(request)
            assert (request.method in ("GET", "HEAD"), request.body) == (True, b"")

    def authority(self) -> Authority | None:
        """Of the destination under the class's settings."""
        destination = self.make_tester().destination
        assert isinstance(destination, RequestDestination | ActionDestination)
        return destination.authority


def assert_authority(authority: Authority, answers: Iterable[Response]) -> None:
    """It asks the same way each time, reads whatever comes, and puts a token on a request in a legal way."""
    token = Token(Secret("a-token"), 60.0, Secret("a-refresh-token"))
    for last in (None, token):
        request = authority.token_request(last)
        assert request == authority.token_request(last)
        assert_legal(request)
    assert "a-refresh-token" not in request.url
    for answer in answers:
        found = authority.token_from(answer)
        assert isinstance(found, Token) or _CODE.fullmatch(found.reason)
        assert isinstance(authority.is_refused(answer), bool)
    plain = Request("POST", "https://receiver.example/in", {"Authorization": "of before"}, b"{}")
    authorized = authority.authorize(plain, token)
    assert authorized != plain
    assert authorized.body == plain.body
    assert_legal(authorized)


def assert_legal(request: Request) -> None:
    assert re.fullmatch(r"[A-Z]+", request.method)
    assert url_problem(request.url) is None
    assert [problem for header in request.headers.items() if (problem := header_problem(*header))] == []
    assert len({name.lower() for name in request.headers}) == len(request.headers)
    assert isinstance(request.body, bytes)
