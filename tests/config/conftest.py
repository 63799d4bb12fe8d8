"""A catalogue of one made-up destination, so that these tests depend on no vendor's."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest
from doorstep.engine.catalogue import Catalogue, Found
from doorstep.engine.sdk import Batch, Limits, Request, RequestDestination, Secret, Settings
from msgspec import Meta


class Region(Settings, frozen=True):
    """A table in a table."""

    name: Annotated[str, Meta(description="Where the data is kept.", examples=["eu"])] = "eu"
    replicas: Annotated[int, Meta(description="How many copies.", ge=1, le=5)] = 1


class AcmeSettings(Settings, frozen=True):
    """Settings of every kind there is."""

    url: Annotated[str, Meta(description="Where to.", examples=["https://acme.example/in"])]
    token: Annotated[Secret | None, Meta(description="Who we are.")] = None
    headers: Annotated[dict[str, Secret], Meta(description="Headers of every request.")] = msgspec.field(
        default_factory=dict
    )
    format: Annotated[Literal["json", "lines"], Meta(description="What a body looks like.")] = "json"
    tags: Annotated[list[str], Meta(description="Added to each event.", examples=[["blue"]])] = msgspec.field(
        default_factory=list
    )
    region: Annotated[Region, Meta(description="Where it is kept.")] = Region()
    single: Annotated[bool, Meta(description="One event a request.")] = False

    def __post_init__(self) -> None:
        problems = []
        if not self.url.startswith("https://"):
            problems.append(f"`url`: {self.url} does not begin with https://")
        if "red" in self.tags:
            problems.append("`tags`: red is taken")
        if problems:
            raise ValueError("; ".join(problems))


class Acme(RequestDestination[AcmeSettings]):
    label = "Acme Analytics"
    description = "Made up."
    Settings = AcmeSettings
    limits = Limits(max_events=200, max_bytes=1024 * 1024, max_wait_s=0.5, per_second=50.0, in_flight=8)

    @classmethod
    def tuned(cls, settings: AcmeSettings) -> Limits:
        return Limits(max_events=1, max_bytes=1024 * 1024) if settings.single else cls.limits

    def request(self, batch: Batch) -> Request:
        return Request("POST", self.settings.url, {}, b"")


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue([Found("acme", "builtin", lambda: Acme), Found("broken", "acme 1.0", _broken)])


def _broken() -> None:
    raise ImportError("no module named acme_sdk")
