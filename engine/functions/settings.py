"""`[functions.NAME]`: an insert function, as a configuration file has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from ..settings import Duration, Settings


class InsertSettings(Settings, frozen=True, kw_only=True):
    """`[functions.NAME]`: a function that every event passes on its way to some destinations, or all.

    As loaded, `settings` is an instance of what the file's `class Settings` says.
    """

    source: Annotated[
        str,
        Meta(
            description="The Python file, relative to this one; its handlers return the event, changed or not, or None to drop it.",
            examples=["functions/enrich.py"],
            min_length=1,
        ),
    ]
    before: (
        Annotated[
            tuple[str, ...],
            Meta(description="Names of the destinations it is for; absent: all.", examples=[["ga4"]], min_length=1),
        ]
        | None
    ) = None
    settings: Annotated[
        Settings, Meta(description="What the file's `class Settings` declares.", examples=[{"apiKey": "${env:KEY}"}])
    ] = Settings()
    timeout: Annotated[
        Duration,
        Meta(description="How long one call may take.", examples=["5s"], extra={"gt": Duration("0s")}),
    ] = Duration("5s")


def inserts_before(functions: Mapping[str, InsertSettings], destination: str) -> dict[str, InsertSettings]:
    """Those that an event passes on its way to `destination`, in the order of the configuration."""
    return {name: one for name, one in functions.items() if one.before is None or destination in one.before}
