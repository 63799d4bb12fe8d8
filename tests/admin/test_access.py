"""Who may do what, asked of every resource there is: each denies whatever it does not know."""

from __future__ import annotations

import json
from types import SimpleNamespace

import anyio
import pytest
from doorstep.engine.admin.access import Access, Caller
from doorstep.engine.admin.answering import CALLER
from doorstep.engine.admin.app import admin_app, public_paths, resources_of
from doorstep.engine.admin.audit import AuditLog
from doorstep.engine.admin.guard import Guard, Trusting
from doorstep.engine.admin.settings import AdminSettings, TokenSettings, hash_of
from doorstep.engine.telemetry.masking import Mask

pytestmark = pytest.mark.anyio

TOKENS = {role: f"doorstep_{role}" for role in ("viewer", "source_admin", "owner")}
SETTINGS = AdminSettings(
    listen="127.0.0.1:8090",
    hosts=("doorstep.internal",),
    tokens=tuple(TokenSettings(name=role, role=role, hash=hash_of(token)) for role, token in TOKENS.items()),
)
LEAST = {
    ("GET", "/admin/v1/whoami"): "viewer",
    ("GET", "/admin/v1/overview"): "viewer",
    ("GET", "/admin/v1/status"): "viewer",
    ("GET", "/admin/v1/deliveries"): "viewer",
    ("GET", "/admin/v1/deliveries/{id:int}"): "viewer",
    ("GET", "/admin/v1/deliveries/stream"): "viewer",
    ("GET", "/metrics"): "viewer",
    ("GET", "/livez"): None,
    ("GET", "/readyz"): None,
    ("GET", "/admin/v1/destinations/{name}/configuration"): "viewer",
    ("GET", "/admin/v1/samples"): "viewer",
    ("POST", "/admin/v1/tests"): "viewer",
    ("POST", "/admin/v1/tests/send"): "source_admin",
    ("POST", "/admin/v1/dry-runs"): "viewer",
    ("GET", "/admin/v1/configuration"): "viewer",
    ("POST", "/admin/v1/configuration/check"): "viewer",
    ("POST", "/admin/v1/configuration/reload"): "owner",
    ("GET", "/admin/v1/letters"): "viewer",
    ("POST", "/admin/v1/letters"): "owner",
    ("GET", "/admin/v1/letters/count"): "viewer",
    ("POST", "/admin/v1/letters/purge"): "owner",
    ("GET", "/admin/v1/letters/{id:int}"): "viewer",
    ("PUT", "/admin/v1/letters/{id:int}"): "source_admin",
    ("GET", "/admin/v1/replays"): "viewer",
    ("POST", "/admin/v1/replays"): "source_admin",
    ("GET", "/admin/v1/events"): "viewer",
    ("GET", "/admin/v1/events/{message_id:path}"): "viewer",
    ("GET", "/admin/v1/destinations"): "viewer",
    ("GET", "/admin/v1/destinations/{name}"): "viewer",
    ("GET", "/admin/v1/destinations/{name}/parked"): "viewer",
    ("POST", "/admin/v1/destinations/{name}/pause"): "source_admin",
    ("POST", "/admin/v1/destinations/{name}/resume"): "source_admin",
    ("POST", "/admin/v1/destinations/{name}/forget"): "owner",
    ("GET", "/admin/v1/openapi.json"): "viewer",
}
RANKS = ["viewer", "source_admin", "owner"]


class Browser:
    """Asks an ASGI application, and remembers status and body."""

    def __init__(self, app) -> None:
        self._app = app

    async def ask(self, method: str, path: str, body: bytes = b"{}", **headers: str) -> tuple[int, bytes]:
        head = {"host": "127.0.0.1:8090", **headers}
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": path.partition("?")[0],
            "raw_path": path.partition("?")[0].encode(),
            "query_string": path.partition("?")[2].encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in head.items()],
        }
        sent = []

        requests = iter([{"type": "http.request", "body": body, "more_body": False}])
        begun = anyio.Event()

        async def receive():
            if (request := next(requests, None)) is not None:
                return request
            await begun.wait()  # the live stream has no end: that it begins is the answer
            return {"type": "http.disconnect"}

        async def send(message) -> None:
            sent.append(message)
            begun.set()

        await self._app(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def bench() -> FakeBench:
    return FakeBench()


class FakeBench:
    def secrets(self):
        return []

    def __getattr__(self, name: str):
        raise LookupError("nothing is here")


@pytest.fixture
def browser(desk, looks, bench) -> Browser:
    return Browser(Guard(admin_app(desk, looks, bench), Access(SETTINGS, Mask), public_paths()))


def address(path: str) -> str:
    return path.replace("{id:int}", "7").replace("{name}", "hook").replace("{message_id:path}", "m-1")


def test_the_matrix_has_every_resource_but_the_consoles_files(desk, looks, bench) -> None:
    known = {(one.method, one.path): one.role for one in resources_of(desk, looks, bench)}
    assert {key: role for key, role in known.items() if key[1] not in public_paths() or key in LEAST} == LEAST


@pytest.mark.parametrize(("method", "path"), LEAST, ids=lambda value: value)
async def test_each_role_may_what_it_may_and_nobody_else_anything(browser, method, path) -> None:
    least = LEAST[method, path]
    for role, token in TOKENS.items():
        status, _ = await browser.ask(method, address(path), authorization=f"Bearer {token}")
        may = least is None or RANKS.index(role) >= RANKS.index(least)
        assert (status not in (401, 403)) is may, role
    for wrong in ({}, {"authorization": "Bearer doorstep_wrong"}, {"authorization": f"Basic {TOKENS['owner']}"}):
        status, _ = await browser.ask(method, address(path), **wrong)
        assert (status == 401) is (least is not None)
    owner = f"Bearer {TOKENS['owner']}"
    for headers, wanted in CROSS:
        status, _ = await browser.ask(method, address(path), authorization=owner, **headers)
        assert status == wanted, headers


CROSS = [
    ({"host": "evil.example"}, 421),
    ({"host": "127.0.0.1.evil.example:8090"}, 421),
    ({"host": ""}, 421),
    ({"host": "[::1"}, 421),
    ({"origin": "https://evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"origin": "http://127.0.0.1:9999"}, 403),
    ({"sec_fetch_site": "cross-site"}, 403),
    ({"sec_fetch_site": "same-site"}, 403),
]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:9000", "[::1]:8090", "doorstep.internal"])
async def test_it_may_be_reached_by_its_own_names_through_any_port(browser, host) -> None:
    head = {"host": host, "origin": f"http://{host}", "sec_fetch_site": "same-origin"}
    assert (await browser.ask("GET", "/admin/v1/whoami", authorization=f"Bearer {TOKENS['viewer']}", **head))[0] == 200


async def test_an_address_that_is_not_there_says_so_only_to_those_who_may_ask(browser) -> None:
    assert (await browser.ask("GET", "/admin/v1/nothing"))[0] == 401
    assert (await browser.ask("GET", "/admin/v1/nothing", authorization=f"Bearer {TOKENS['viewer']}"))[0] == 404


async def test_the_consoles_files_are_for_everybody_and_keep_to_themselves(browser) -> None:
    status, body = await browser.ask("GET", "/")
    assert (status, body[:15]) == (200, b"<!doctype html>")
    assert (await browser.ask("GET", "/app.js"))[0] == 200
    assert (await browser.ask("GET", "/../settings.py"))[0] == 401
    assert (await browser.ask("GET", "/", host="evil.example"))[0] == 421


async def test_without_tokens_whoever_is_on_this_machine_is_an_owner(desk, looks) -> None:
    open_one = Browser(Guard(admin_app(desk, looks), Access(AdminSettings(listen="[::1]:1"), Mask), public_paths()))
    assert await open_one.ask("GET", "/admin/v1/whoami") == (200, b'{"name":"loopback","role":"owner"}')
    assert (await open_one.ask("POST", "/admin/v1/letters/purge", origin="https://evil.example"))[0] == 403
    assert desk.calls == []


async def test_the_application_alone_denies_everybody(desk, looks) -> None:
    status, body = await Browser(admin_app(desk, looks)).ask("GET", "/admin/v1/status")
    assert (status, json.loads(body)["error"]["code"]) == (401, "no_token")


async def test_every_change_and_every_refused_one_is_in_the_audit_log(desk, looks, folder) -> None:
    app = admin_app(desk, looks, audit=AuditLog(folder), utc=lambda: 1767225600.5)
    browser = Browser(Guard(app, Access(SETTINGS, Mask), public_paths()))
    for role in ("source_admin", "viewer"):
        await browser.ask("POST", "/admin/v1/destinations/hook/pause", authorization=f"Bearer {TOKENS[role]}")
    await browser.ask("GET", "/admin/v1/destinations", authorization=f"Bearer {TOKENS['owner']}")
    await Browser(Trusting(app)).ask("POST", "/admin/v1/letters/purge")
    file = folder / "admin-audit.ndjson"
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {
            "at": 1767225600.5,
            "who": who,
            "role": role,
            "method": "POST",
            "resource": f"/admin/v1/{resource}",
            "of": of,
            "status": status,
        }
        for who, role, resource, of, status in [
            ("source_admin", "source_admin", "destinations/{name}/pause", {"name": "hook"}, 204),
            ("viewer", "viewer", "destinations/{name}/pause", {"name": "hook"}, 403),
            ("socket", "owner", "letters/purge", {}, 200),
        ]
    ]
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("path", "body", "of"),
    [
        (
            "replays",
            {
                "replay": {
                    "destination": "hook",
                    "kind": "dead",
                    "query": {"ids": [3, 1], "where": "userId = 'ada@example.com'", "since": 1.5},
                    "rate": 2,
                    "mapping": '{"userId": "ada@example.com"}',
                }
            },
            {"destination": "hook", "kind": "dead", "ids": [3, 1], "where": True, "since": 1.5}
            | {"rate": 2.0, "mapping": True},
        ),
        (
            "replays",
            {"replay": {"destination": "hook", "kind": "journal", "query": {"until": 9}}, "dry_run": True},
            {"destination": "hook", "kind": "journal", "until": 9.0, "dry_run": True},
        ),
        ("letters/purge", {"destination": "hook", "reason": "r" * 101}, {"destination": "hook", "reason": "r" * 100}),
        ("letters/purge", {"ids": list(range(101))}, {"ids_count": 101}),
        ("letters/purge", {"ids": []}, {"ids": []}),
        ("letters/purge", {"destination": "said sesame-open"}, {"destination": "said ***"}),
        ("letters/purge", {"destinatoin": "ada@example.com"}, {}),
        ("letters", {"letters": []}, {"letters": 0}),
        (
            "tests/send",
            {
                "event": {"userId": "ada@example.com"},
                "destination": "hook",
                "edit": {"action": "a", "mapping": {"to": "ada@example.com"}},
            },
            {"destination": "hook", "edit": "a"},
        ),
    ],
)
async def test_the_audit_log_says_of_what_without_what_is_personal(desk, looks, folder, path, body, of) -> None:
    app = admin_app(desk, looks, SimpleNamespace(test=desk.test), AuditLog(folder))

    async def known(scope, receive, send) -> None:
        await app({**scope, CALLER: Caller("ada", "owner", Mask(["sesame-open"]))}, receive, send)

    await Browser(known).ask("POST", f"/admin/v1/{path}", json.dumps(body).encode())
    assert [json.loads(line)["of"] for line in (folder / "admin-audit.ndjson").read_text().splitlines()] == [of]


async def test_the_audit_log_keeps_to_its_size(folder) -> None:
    from doorstep.engine.admin.audit import Change

    audit = AuditLog(folder, max_bytes=400)
    for number in range(20):
        await audit.note(Change(at=number, who="ada", role="owner", method="POST", resource="/r", status=204))
    lines = {path.name: path.read_text().splitlines() for path in folder.iterdir()}
    assert {name: len(found) for name, found in lines.items()} == {"admin-audit.ndjson": 4, "admin-audit.1.ndjson": 4}
    assert json.loads(lines["admin-audit.ndjson"][-1])["at"] == 19


async def test_what_the_mask_knows_is_in_no_answer(desk, looks) -> None:
    desk.page = [desk.page[0].__class__(**_with(desk.page[0], line=b'{"a":"sesame-open"}', excerpt="said sesame-open"))]
    app = admin_app(desk, looks)

    async def known(scope, receive, send) -> None:
        await app({**scope, CALLER: Caller("ada", "owner", Mask(["sesame-open"]))}, receive, send)

    status, body = await Browser(known).ask("GET", "/admin/v1/letters")
    letter = json.loads(body)["letters"][0]
    assert (status, letter["excerpt"], letter["line"]) == (200, "said ***", "eyJhIjoiKioqIn0=")
    desk.raises = ValueError("sesame-open is running")
    assert b"sesame" not in (await Browser(known).ask("GET", "/admin/v1/letters"))[1]


def _with(letter, **changed):
    return {name: getattr(letter, name) for name in letter.__struct_fields__} | changed
