"""SQLite's errors, and the system's, as ours."""

from __future__ import annotations

import apsw
import pytest
from doorstep.engine.errors import JournalError, JournalFull
from doorstep.engine.journal.translating import translated


def test_a_text_that_is_none_is_damage_and_said_to_be() -> None:
    with pytest.raises(JournalError, match="the journal is damaged"), translated():
        b"a\xff".decode()


def test_sqlites_errors_become_ours() -> None:
    for error, ours in ((apsw.FullError, JournalFull), (apsw.CorruptError, JournalError), (apsw.IOError, JournalError)):
        with pytest.raises(ours) as caught, translated():
            raise error("said by SQLite")
        assert type(caught.value) is ours
    with pytest.raises(JournalError, match="`doorstep journal salvage` rescues what it holds"):
        with translated():
            raise apsw.CorruptError("malformed")
