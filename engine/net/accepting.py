"""What accept(2) fails with, and what is to be done about it."""

from __future__ import annotations

import errno
from typing import Final

NO_DESCRIPTORS: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""Clients wait: some connection may end."""
NO_DESCRIPTORS_S: Final = 0.1
"""Until the next try."""
_NAMES = """
EAGAIN EWOULDBLOCK ECONNABORTED EPERM EPROTO ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH EOPNOTSUPP ENETUNREACH
"""
PASSED_OVER: Final = frozenset(getattr(errno, name) for name in _NAMES.split() if hasattr(errno, name))
"""The connection was there and is not any more: Linux hands on what the network has against it, or a firewall (EPERM). See accept(2)."""
