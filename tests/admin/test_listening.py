"""The TCP side, on every loop: beside the Unix socket or without it, guarded, and gone with the engine."""

from __future__ import annotations

import socket

import anyio
import httpcore2
import pytest
from blockbuster import blockbuster_ctx
from doorstep.engine.admin import AdminSettings, serve_admin
from doorstep.engine.admin.client import connect
from doorstep.engine.admin.settings import TokenSettings, hash_of
from doorstep.engine.errors import ConfigError

pytestmark = [pytest.mark.anyio, pytest.mark.backends]

OPEN = AdminSettings(listen="127.0.0.1:0")
TOKENS = AdminSettings(listen="127.0.0.1:0", tokens=(TokenSettings(name="ada", hash=hash_of("doorstep_a")),))


async def get(url: str, *headers: tuple[str, str]) -> tuple[int, bytes, dict[bytes, bytes]]:
    async with httpcore2.AsyncConnectionPool() as pool:
        response = await pool.request("GET", url, headers=[("Host", url.split("/")[2]), *headers])
        return response.status, response.content, dict(response.headers)


async def test_it_is_served_beside_the_socket_and_both_end_together(folder, desk, looks) -> None:
    async with serve_admin(desk, looks, folder, settings=OPEN) as server, connect(folder) as remote:
        status, body, headers = await get(f"{server.url}admin/v1/whoami")
        assert (status, body) == (200, b'{"name":"loopback","role":"owner"}')
        assert (headers[b"cache-control"], headers[b"x-content-type-options"]) == (b"no-store", b"nosniff")
        assert (await remote.letter(3)).id == 3
        port = int(server.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
        pass


async def test_without_a_folder_it_is_all_there_is(desk, looks) -> None:
    async with serve_admin(desk, looks, None, settings=OPEN) as server:
        assert server.path is None
        status, body, headers = await get(server.url)
    assert (status, body[:15]) == (200, b"<!doctype html>")
    assert headers[b"content-security-policy"].startswith(b"default-src 'none'; script-src 'self'; style-src 'self';")


async def test_a_token_is_asked_for_where_there_are_some(desk, looks) -> None:
    async with serve_admin(desk, looks, None, settings=TOKENS) as server:
        url = f"{server.url}admin/v1/whoami"
        status, _, headers = await get(url)
        assert (status, headers[b"www-authenticate"]) == (401, b'Bearer realm="doorstep"')
        assert (await get(url, ("Authorization", "Bearer doorstep_b")))[0] == 401
        assert (await get(url, ("Authorization", "Bearer doorstep_a")))[1] == b'{"name":"ada","role":"viewer"}'
        assert (await get(f"{server.url}livez"))[0] == 200


async def test_an_address_that_is_taken_is_a_problem_of_the_configuration(desk, looks, folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError) as caught:
            async with serve_admin(desk, looks, folder, settings=AdminSettings(listen=listen)):
                pass
    [problem] = caught.value.problems
    assert (problem.path, problem.message) == ("admin.listen", f"can't listen on {listen}: Address already in use")


async def test_deliveries_come_as_server_sent_events_to_who_wants_them(desk, looks) -> None:
    async with serve_admin(desk, looks, None, settings=OPEN) as server, httpcore2.AsyncConnectionPool() as pool:
        url = f"{server.url}admin/v1/deliveries/stream"
        head = [("Host", "localhost"), ("Accept", "text/event-stream")]
        async with pool.stream("GET", url, headers=head) as response:
            assert dict(response.headers)[b"content-type"].startswith(b"text/event-stream")
            looks.deliveries.close()
            assert b"".join([data async for data in response.aiter_stream()]) == b""


async def test_an_end_that_comes_before_anybody_is_quick(desk, looks, folder) -> None:
    with anyio.fail_after(2), blockbuster_ctx("doorstep.engine"):
        async with serve_admin(desk, looks, folder, settings=OPEN) as server:
            assert server.url is not None
