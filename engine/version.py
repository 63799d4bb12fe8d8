"""The version: written here alone. The build reads it, and finding it costs a command nothing."""

from __future__ import annotations

VERSION = "0.1.0"
