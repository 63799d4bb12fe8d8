"""Blocks its thread in a system call, from an async handler. Events of the warm-up have no stamp (`bench.stamp`), and are spared."""

import socket

NOBODY, _OTHER = socket.socketpair()


async def on_any(event, settings, ctx):
    if "sent_at" in event.context:
        NOBODY.recv(1)


on_identify = on_track = on_page = on_screen = on_group = on_alias = on_delete = on_any
