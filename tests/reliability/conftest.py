"""What the tests of the reliability bench share: whether this engine keeps a journal on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from doorstep.engine import load_config
from doorstep.engine.errors import ConfigError


@pytest.fixture
def disk(tmp_path: Path) -> None:
    """Skips where `durability = "disk"` is not there."""
    text = f'[engine]\ndurability = "disk"\ndata_dir = "{tmp_path}"\n[destinations.x]\ntype = "console"\n'
    try:
        load_config(text=text)
    except ConfigError as error:
        pytest.skip(f"this engine has no journal on disk: {error}")
