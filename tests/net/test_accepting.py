"""What accept(2) says of one connection is that connection's alone. The same for the sockets' ingress: `tests/ingress/test_sockets.py`."""

from __future__ import annotations

import errno
import socket
from typing import Any

import anyio
import pytest
from doorstep.engine.net.serving import ConnectionLimits, Watches
from doorstep.engine.net.serving.listening import next_connection

pytestmark = [pytest.mark.anyio, pytest.mark.backends]


class Unlucky(socket.socket):
    """Its first `accept`s fail."""

    failures: list[int]

    def accept(self) -> Any:
        if self.failures:
            raise OSError(self.failures.pop(0), "out of luck")
        return super().accept()


def unlucky(*failures: int) -> Unlucky:
    listener = Unlucky()
    listener.failures = [*failures]
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    return listener


async def test_what_the_network_has_against_one_connection_stops_no_other() -> None:
    network = (errno.ENETDOWN, errno.EPROTO, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPERM)
    with unlucky(errno.EMFILE, *network) as listener:
        async with await anyio.connect_tcp(*listener.getsockname()):
            with anyio.fail_after(5):
                connection = await next_connection(listener, Watches(ConnectionLimits(), lambda: 0.0))
            connection.close()
    assert listener.failures == []


async def test_any_other_error_is_raised() -> None:
    with unlucky(errno.EINVAL) as listener:
        async with await anyio.connect_tcp(*listener.getsockname()):
            with pytest.raises(OSError, match="out of luck"):
                await next_connection(listener, Watches(ConnectionLimits(), lambda: 0.0))
