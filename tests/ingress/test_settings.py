"""What users may write in `[[ingress]]`, and what they are told when it is wrong."""

from __future__ import annotations

import msgspec
import pytest
from doorstep.engine.ingress import (
    IngressSettings,
    StdinSettings,
    TcpSettings,
    TlsSettings,
    UnixSettings,
    parse_address,
)
from doorstep.engine.net.address import format_address


def read(text: str) -> IngressSettings:
    settings: IngressSettings = msgspec.toml.decode(text, type=IngressSettings)
    return settings


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ('type = "stdin"', StdinSettings(name="stdin")),
        ('type = "stdin"\nname = "shop"', StdinSettings(name="shop")),
        ('type = "tcp"\nlisten = ":7070"\nack = true', TcpSettings(listen=":7070", name="tcp", ack=True, dedup="off")),
        (
            'type = "tcp"\nlisten = "[::1]:7070"\ntls = {cert = "c", key = "k", client_ca = "a"}',
            TcpSettings(listen="[::1]:7070", tls=TlsSettings(cert="c", key="k", client_ca="a")),
        ),
        (
            'type = "unix"\npath = "/run/doorstep.sock"\nmode = "0660"\nmax_connections = 5',
            UnixSettings(path="/run/doorstep.sock", name="unix", mode="0660", max_connections=5),
        ),
    ],
)
def test_settings_as_written(text: str, settings: IngressSettings) -> None:
    assert read(text) == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('type = "tcp"', "missing required field `listen`"),
        ('type = "tcp"\nlisten = "7070"', "'7070' is not an address; write one like"),
        ('type = "tcp"\nlisten = ":7070"\nmax_connections = 0', "`int` >= 1"),
        ('type = "tcp"\nlisten = ":7070"\ndedup = "0s"', "`dedup`: must be longer than nothing"),
        ('type = "unix"\npath = "s"\ndedup = "a day"', "'a day' is not a duration"),
        ('type = "unix"\npath = ""', "length >= 1"),
        ('type = "unix"\npath = "s"\nmode = "0999"', "'0999' is no mode of a file"),
        ('type = "unix"\npath = "s"\nlisten = ":1"', "unknown field `listen`"),
        ('type = "stdin"\nack = true', "unknown field `ack`"),
        ('type = "tcp"\nlisten = ":1"\ntls = {cert = "c"}', "missing required field `key`"),
        ('type = "pigeon"', "Invalid value 'pigeon'"),
    ],
)
def test_settings_that_are_wrong(text: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        read(text)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:7070", "127.0.0.1", 7070),
        ("localhost:0", "localhost", 0),
        ("[::1]:65535", "::1", 65535),
        ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
        (":7070", None, 7070),
    ],
)
def test_addresses(text: str, host: str | None, port: int) -> None:
    assert parse_address(text) == (host, port)
    assert format_address(host or "", port) == text


@pytest.mark.parametrize(
    "text", ["", ":", "7070", "::1:7070", "[::1]", "host:65536", "host:http", "a b:1", "http://h:1", ":-1"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address; write one like"):
        parse_address(text)
