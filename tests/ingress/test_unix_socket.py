"""The path of a Unix socket: its mode, what stands in its place, and that it is gone afterwards."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from doorstep.engine.errors import ConfigError
from doorstep.engine.ingress import TcpSettings, UnixSettings, open_ingress
from doorstep.engine.ingress import listen as listen_module

from .clients import LIMIT, all_of, opened, serving

pytestmark = [pytest.mark.anyio, pytest.mark.backends]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: the path of a Unix socket has room for 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ds", dir="/tmp") as name:
        yield Path(name)


async def test_a_unix_socket_takes_lines_and_is_gone_afterwards(folder: Path, taker: Any) -> None:
    path = folder / "s"
    async with serving(opened(UnixSettings(path=str(path), name="local", ack=True)), taker) as ingress:
        assert ingress.addresses == [str(path)]
        assert path.stat().st_mode & 0o777 == 0o600
        async with await anyio.connect_unix(path) as client:
            await client.send(b"a\nb")
            await client.send_eof()
            assert (await all_of(client)).endswith(b'{"ack": 2}\n')
    assert taker.lines == [b"a", b"b"]
    assert taker.sources == {"local"}
    assert not path.exists()


async def test_the_mode_of_a_unix_socket_can_be_chosen(folder: Path) -> None:
    path = folder / "s"
    ingress = opened(UnixSettings(path=str(path), mode="0660"))
    assert path.stat().st_mode & 0o777 == 0o660
    ingress.stop()


async def test_a_stale_unix_socket_is_replaced(folder: Path, taker: Any) -> None:
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    async with serving(opened(UnixSettings(path=str(path))), taker):
        async with await anyio.connect_unix(path) as client:
            await client.send(b"a\n")
            await taker.wait_lines(1)


async def test_a_unix_socket_that_answers_is_left_alone(folder: Path) -> None:
    path = folder / "s"
    ingress = opened(UnixSettings(path=str(path)))
    with pytest.raises(ConfigError, match="another program answers there"):
        open_ingress(UnixSettings(path=str(path)), max_event_bytes=LIMIT)
    assert path.exists()
    ingress.stop()


async def test_a_file_in_the_place_of_a_unix_socket_is_left_alone(folder: Path) -> None:
    path = folder / "s"
    path.write_text("precious")
    with pytest.raises(ConfigError, match="it is no socket"):
        open_ingress(UnixSettings(path=str(path)), max_event_bytes=LIMIT)
    assert path.read_text() == "precious"


async def test_the_socket_of_a_successor_is_left_alone(folder: Path) -> None:
    path = folder / "s"
    first = opened(UnixSettings(path=str(path)))
    os.unlink(path)
    second = opened(UnixSettings(path=str(path)))
    first.stop()
    assert path.exists()
    second.stop()
    assert not path.exists()


async def test_where_the_file_cannot_be_removed_that_is_said_and_nobody_can_connect_any_more(
    folder: Path, taker: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(listen_module, "_unlink_own", refused)
    path = folder / "s"
    with caplog.at_level(logging.WARNING, "doorstep.ingress"):
        async with serving(opened(UnixSettings(path=str(path))), taker):
            pass
    (record,) = caplog.records
    assert record.message == "the file of a socket could not be removed"
    assert record.facts == {"path": str(path), "error": "Permission denied"}  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="refused"), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


async def test_a_place_that_does_not_exist_is_a_configuration_error(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"ingress\.unix\.path: can't listen on .*: No such file or directory"):
        open_ingress(UnixSettings(path=str(folder / "missing" / "s")), max_event_bytes=LIMIT)
    with pytest.raises(ValueError, match="`path`: is longer than a socket's name may be"):
        UnixSettings(path=str(folder / ("s" * 200)))
    with pytest.raises(ConfigError, match=r"ingress\.tcp\.listen: can't listen on 192\.0\.2\.1:7070"):
        open_ingress(TcpSettings(listen="192.0.2.1:7070"), max_event_bytes=LIMIT)
