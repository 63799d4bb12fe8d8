"""The whole configuration as one Struct, composed of those that the rooms below declare.

Here are only the tables that belong to no single room: `[engine]` and `[destinations.NAME]`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..admin.settings import AdminSettings
from ..delivery.settings import BacklogSettings, MailboxSettings, Overflow
from ..functions.settings import InsertSettings
from ..ingress.settings import HttpSettings, StdinSettings, TcpSettings, UnixSettings
from ..net.settings import NetworkSettings, TlsSettings
from ..policy.alerts import AlertSettings
from ..policy.breaker import BreakerSettings
from ..policy.limiter import RateSettings
from ..policy.retry import RetrySettings
from ..policy.window import BatchSettings
from ..privacy.fields import FieldSettings
from ..sdk.using import ActionSettings
from ..secret import Secret
from ..settings import Duration, Settings, Size

IngressSettings = StdinSettings | TcpSettings | UnixSettings | HttpSettings


class EngineSettings(Settings, frozen=True, kw_only=True):
    """`[engine]`: what holds for all of the process. A change needs a restart."""

    backend: Annotated[
        Literal["asyncio", "trio"], Meta(description="The event loop; asyncio means uvloop.", examples=["asyncio"])
    ] = "asyncio"
    durability: Annotated[
        Literal["disk", "os", "memory"],
        Meta(
            description="When an event counts as accepted: synced to the disk, given to the operating system, or held in memory, "
            "where nothing survives a crash.",
            examples=["disk"],
        ),
    ] = "disk"
    data_dir: Annotated[
        str, Meta(description="Folder of the journal, made with mode 0700.", examples=["doorstep-data"], min_length=1)
    ] = "doorstep-data"
    retention: Annotated[
        Duration,
        Meta(
            description="How long events are kept for replay after delivery, as far as max_journal_bytes allows.",
            examples=["24h"],
        ),
    ] = Duration("24h")
    max_journal_bytes: Annotated[
        Size,
        Meta(
            description="Delivered events go, oldest first, before more than this is stored; if that is not enough, reading stops.",
            examples=["10GiB"],
            extra={"ge": Size("1MiB")},
        ),
    ] = Size("10GiB")
    memory_log: Annotated[
        Size,
        Meta(
            description="Bytes of events held in memory; when it is full, reading stops.",
            examples=["64MiB"],
            extra={"ge": Size("1KiB")},
        ),
    ] = Size("64MiB")
    spec: Annotated[
        Literal["segment", "any"],
        Meta(description="What a valid event is: Segment's spec, or any JSON object.", examples=["segment"]),
    ] = "segment"
    max_event_bytes: Annotated[
        Size,
        Meta(
            description="Longer events are rejected.",
            examples=["32KiB"],
            extra={"ge": Size("1B"), "le": Size("16MiB")},
        ),
    ] = Size("32KiB")


class DestinationSettings(Settings, frozen=True, kw_only=True):
    """`[destinations.NAME]`: who gets what, how fast, and how long it is tried.

    As loaded, nothing is left open: `integration`, `batch`, `rate`, `in_flight` and `timeout` hold what the destination's type says where
    the user says nothing, and `settings` is an instance of that type's own Struct.
    """

    type: Annotated[
        str, Meta(description="Which destination of the catalogue this is.", examples=["webhook"], min_length=1)
    ]
    integration: Annotated[
        str,
        Meta(
            description="Its name in an event's `integrations` object; absent: the type's public label.",
            examples=["My hook"],
        ),
    ] = ""
    enabled: Annotated[
        bool,
        Meta(
            description="Whether it is sent to; if not, events are filtered, those that wait for another try too.",
            examples=[True],
        ),
    ] = True
    start: Annotated[
        Literal["now", "oldest"],
        Meta(
            description="Where a new destination begins: with what comes, or with the oldest event held.",
            examples=["now"],
        ),
    ] = "now"
    owner: Annotated[str | None, Meta(description="Who is asked when it fails.", examples=["growth-data"])] = None
    sources: (
        Annotated[
            tuple[str, ...],
            Meta(
                description="Names of the ingresses it takes events from; absent: all.",
                examples=[["shop"]],
                min_length=1,
            ),
        ]
        | None
    ) = None
    trigger: Annotated[
        str | None,
        Meta(
            description="FQL condition that an event must meet; absent: none.",
            examples=['type = "track" and event = "Order Completed"'],
        ),
    ] = None
    consent: (
        Annotated[
            tuple[str, ...],
            Meta(
                description="Consent categories that the user must all have granted; absent: it gets events whatever was granted.",
                examples=[["Advertising"]],
                min_length=1,
            ),
        ]
        | None
    ) = None
    fields: Annotated[
        FieldSettings | None,
        Meta(
            description="Which fields of an event it gets, by a deny list or an allow list; absent: all.",
            examples=[{"deny": ["context.ip", "properties.products.cost"]}],
        ),
    ] = None
    sample: Annotated[
        float, Meta(description="Part of the events it gets, chosen by messageId.", examples=[0.1], ge=0, le=1)
    ] = 1.0
    source: (
        Annotated[
            str,
            Meta(
                description='The Python file of a destination of type "function", relative to this one.',
                examples=["functions/teams.py"],
                min_length=1,
            ),
        ]
        | None
    ) = None
    settings: Annotated[
        Settings,
        Meta(description="The settings of this type of destination.", examples=[{"url": "https://example.com/in"}]),
    ] = Settings()
    actions: Annotated[
        dict[str, ActionSettings],
        Meta(
            description="For a type that has actions: which are in use, their triggers and mappings; absent: its presets."
        ),
    ] = msgspec.field(default_factory=dict)
    batch: Annotated[
        BatchSettings, Meta(description="What makes a batch complete.", examples=[{"max_events": 500}])
    ] = BatchSettings()
    rate: Annotated[
        RateSettings | None,
        Meta(description="How fast it is sent to; absent: unlimited.", examples=[{"per_second": 2000}]),
    ] = None
    in_flight: Annotated[
        int, Meta(description="Requests at a time; absent: what the type says.", examples=[4], ge=1, le=10_000)
    ] = 4
    timeout: Annotated[
        Duration,
        Meta(
            description="How long one request may take.",
            examples=["15s"],
            extra={"gt": Duration("0s"), "le": Duration("24h")},
        ),
    ] = Duration("15s")
    retry: Annotated[
        RetrySettings, Meta(description="When a failed event is tried again.", examples=[{"preset": "segment"}])
    ] = RetrySettings()
    breaker: Annotated[BreakerSettings, Meta(description="When it counts as down.", examples=[{"consecutive": 5}])] = (
        BreakerSettings()
    )
    mailbox: Annotated[
        MailboxSettings, Meta(description="How much is held ready for it.", examples=[{"max_bytes": "4MiB"}])
    ] = MailboxSettings()
    backlog: Annotated[
        BacklogSettings,
        Meta(description="What it may cost in the journal while it is behind.", examples=[{"max_bytes": "8GiB"}]),
    ] = BacklogSettings()
    overflow: Annotated[
        Overflow,
        Meta(
            description="When it is behind and memory is full: stop reading for all, or drop its newest events, counted.",
            examples=["drop_newest"],
        ),
    ] = "block"
    tls: Annotated[
        TlsSettings, Meta(description="Trust and client certificate.", examples=[{"ca": "private-ca.pem"}])
    ] = TlsSettings()
    proxy: Annotated[
        Secret | None,
        Meta(description="HTTP proxy to go through; credentials allowed.", examples=["http://proxy:3128"]),
    ] = None


class Config(Settings, frozen=True, kw_only=True):
    """The configuration file."""

    engine: Annotated[EngineSettings, Meta(description="What holds for all of the process.")] = EngineSettings()
    ingress: Annotated[
        tuple[IngressSettings, ...], Meta(description="Where events come in; absent: standard input.")
    ] = (StdinSettings(),)
    network: Annotated[NetworkSettings, Meta(description="Where requests to computed hosts may go.")] = (
        NetworkSettings()
    )
    destinations: Annotated[
        dict[str, DestinationSettings], Meta(description="Where events go, each under a name of yours; at least one.")
    ] = msgspec.field(default_factory=dict)
    functions: Annotated[
        dict[str, InsertSettings],
        Meta(description="Insert functions: what events pass on their way to destinations, in the order of the file."),
    ] = msgspec.field(default_factory=dict)
    admin: Annotated[
        AdminSettings, Meta(description="Who may look at the engine and change it, beside this user's own commands.")
    ] = AdminSettings()
    alerts: Annotated[
        tuple[AlertSettings, ...],
        Meta(description="Who is told when a destination needs somebody; absent: the log alone."),
    ] = ()
