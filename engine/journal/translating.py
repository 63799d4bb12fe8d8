"""The one table from SQLite's errors, and the system's, to ours."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from ..errors import JournalError, JournalFull

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
"""SQLite tells a full disk from a broken one only when it writes, and takes a limit on the size of files for a broken disk."""


@contextmanager
def translated(connection: apsw.Connection | None = None) -> Iterator[None]:
    """Raises ours for theirs. `connection` knows what the system had said."""
    try:
        yield
    except apsw.FullError as error:
        raise JournalFull("the disk is full") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise JournalError(
            f"the journal is damaged ({error}); `doorstep journal salvage` rescues what it holds"
        ) from error
    except UnicodeDecodeError as error:  # of a text in a column
        raise JournalError(
            "the journal is damaged (a text that is none); `doorstep journal verify` says where"
        ) from error
    except apsw.Error as error:
        if connection is not None and isinstance(error, apsw.IOError) and connection.system_errno in _FULL:
            raise JournalFull(
                f"the disk is full, or a limit is reached: {os.strerror(connection.system_errno)}"
            ) from error
        raise JournalError(f"the journal's disk failed: {error}") from error
    except OSError as error:
        if error.errno in _FULL:
            raise JournalFull("the disk is full") from error
        raise JournalError(f"the journal's disk failed: {error}") from error
