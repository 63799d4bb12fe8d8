"""Configuration: TOML files in, one valid `Config` out, or every problem that they have.

    files -> document (merged, references filled in) -> build (Structs) -> destinations, checks -> Config | [Problem]
    Config -> linting -> warnings: what is valid and hardly meant
    Config, Config -> changes -> what a reload does

The rooms below declare their settings; this one composes them, and knows by name only what belongs to no single room. It reads files and
the environment it is given, never logs, and never repeats a value that came out of a reference or belongs to a secret. Nobody
below imports it; `app`, `admin` and `cli` do.
"""

from __future__ import annotations

from .changes import Changes, changes, version
from .functions import sources
from .load import Examined, check, examine, load_config
from .schema import config_schema
from .settings import Config, DestinationSettings, EngineSettings, IngressSettings

__all__ = [
    "Changes",
    "Config",
    "DestinationSettings",
    "EngineSettings",
    "Examined",
    "IngressSettings",
    "changes",
    "check",
    "config_schema",
    "examine",
    "load_config",
    "sources",
    "version",
]
