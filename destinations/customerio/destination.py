"""Customer.io: every action makes one entity of an event, and entities go out in batches of the Track API v2."""

from __future__ import annotations

from doorstep.engine.sdk import ActionDestination, Limits, Request

from .events import ReportContentEvent, ReportDeliveryEvent, TrackEvent, TrackPageView, TrackScreenView
from .objects import CreateUpdateObject, DeleteObject, DeleteRelationship
from .people import (
    CreateUpdateDevice,
    CreateUpdatePerson,
    DeleteDevice,
    DeletePerson,
    MergePeople,
    SuppressPerson,
    UnsuppressPerson,
)
from .settings import CustomerioSettings

_AROUND = len(b'{"batch":[]}')


class Customerio(ActionDestination[CustomerioSettings]):
    """Customer.io, through its Track API."""

    label = "Customer.io"
    description = (
        "Tells Customer.io who people are, what they do and what they belong to, so that it can write to them."
    )
    Settings = CustomerioSettings
    actions = (
        CreateUpdatePerson,
        TrackEvent,
        TrackPageView,
        TrackScreenView,
        CreateUpdateObject,
        MergePeople,
        CreateUpdateDevice,
        DeleteDevice,
        DeleteRelationship,
        DeleteObject,
        DeletePerson,
        SuppressPerson,
        UnsuppressPerson,
        ReportDeliveryEvent,
        ReportContentEvent,
    )
    # 500 kB a request, 32 kB an entity. The number of entities is nowhere limited; 1000 is what others were seen to send.
    limits = Limits(max_events=1000, max_bytes=500_000 - _AROUND, max_item_bytes=32 * 1024)

    def check(self) -> Request:
        return Request("GET", self.settings.auth_url, {"Authorization": self.settings.authorization})
