"""How a transport is chosen and opened."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest
import sniffio
from doorstep.engine.errors import ConfigError
from doorstep.engine.model.exchange import Request
from doorstep.engine.net import NetSettings, TlsSettings, open_transport
from doorstep.engine.secret import Secret
from doorstep.engine.settings import decode_hook

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.anyio
@pytest.mark.backends
async def test_the_event_loop_decides_which_one_opens(serve):
    server = serve(lambda peer: peer.serve(OK))
    async with await open_transport(NetSettings()) as transport:
        assert (await transport.send(Request("POST", server.url), 5)).body == b"ok"
    on_asyncio = sniffio.current_async_library() == "asyncio"
    assert type(transport).__name__ == ("AiohttpTransport" if on_asyncio else "HttpxTransport")
    assert any(line.startswith("User-Agent: Doorstep") for line in server.requests[0][0])


@pytest.mark.anyio
@pytest.mark.backends
async def test_a_proxy_or_a_file_that_cannot_be_used_fails_at_opening():
    for settings in (NetSettings(proxy=Secret("proxy:3128")), NetSettings(tls=TlsSettings(ca="/nowhere/ca.pem"))):
        with pytest.raises(ConfigError):
            await open_transport(settings)


def test_importing_the_room_imports_no_client():
    code = "import sys, doorstep.engine.net; print([m for m in ('aiohttp', 'httpx2', 'httpcore2') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert result.stdout.strip() == "[]"


def test_settings_come_from_a_file_and_hide_the_proxys_credentials():
    text = b'proxy = "http://me:secret@proxy:3128"\nmax_response_bytes = "1KiB"\ntls = { ca = "ca.pem" }'
    settings = msgspec.toml.decode(text, type=NetSettings, dec_hook=decode_hook)
    assert (settings.max_response_bytes, settings.tls.ca, settings.connections) == (1024, "ca.pem", 4)
    assert "secret" not in repr(settings)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"connections": 0}, NetSettings)
