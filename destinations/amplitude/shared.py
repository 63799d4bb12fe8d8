"""Fields that events and properties have in common: whose they are, and on what device."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import Field, ValidationError, normalise

from .agents import device_of

USER_ID = Field(
    label="User id",
    description="The user, once known. Ids that Amplitude refuses (`null`, `unknown`, `0` ...) count as none.",
    default={"@path": "$.userId"},
    personal="amplitude.id",
)
DEVICE_ID = Field(
    label="Device id",
    description="The device, or the anonymous id.",
    default={"@coalesce": [{"@path": "$.context.device.id"}, {"@path": "$.anonymousId"}]},
    personal="amplitude.id",
)

_PATHS = {
    "app_version": ("App version", "$.context.app.version"),
    "os_name": ("Operating system", "$.context.os.name"),
    "os_version": ("Version of the operating system", "$.context.os.version"),
    "device_brand": ("Brand of the device", "$.context.device.brand"),
    "device_manufacturer": ("Manufacturer of the device", "$.context.device.manufacturer"),
    "device_model": ("Model of the device", "$.context.device.model"),
    "carrier": ("Carrier", "$.context.network.carrier"),
    "country": ("Country", "$.context.location.country"),
    "region": ("Region", "$.context.location.region"),
    "city": ("City", "$.context.location.city"),
    "language": ("Language", "$.context.locale"),
    "library": ("Library", "$.context.library.name"),
}
_PLATFORMS = {"ios": "iOS", "android": "Android"}
UTM = ("source", "medium", "campaign", "term", "content")

CONTEXT = {
    **{
        name: Field(label=label, description=f"Goes as `{name}`.", default={"@path": path})
        for name, (label, path) in _PATHS.items()
    },
    "platform": Field(
        label="Platform",
        description="`ios` is written iOS, `android` Android; without one, what comes from analytics.js is Web.",
        default={"@path": "$.context.device.type"},
    ),
    "user_agent": Field(
        label="User agent",
        description="Makes operating system and device, where they are not known otherwise.",
        default={"@path": "$.context.userAgent"},
    ),
    **{
        f"utm_{name}": Field(
            label=f"UTM {name}",
            description=f"User property `utm_{name}`, and `initial_utm_{name}` the first time.",
            default={"@path": f"$.context.campaign.{'name' if name == 'campaign' else name}"},
        )
        for name in UTM
    },
    "referrer": Field(
        label="Referrer",
        description="User property `referrer`, and `initial_referrer` the first time.",
        default={"@path": "$.context.page.referrer"},
    ),
}


def ids_of(fields: dict[str, Any]) -> dict[str, str]:
    """Whose it is. Raises ValidationError for nobody's, which Amplitude refuses together with all others of the request."""
    found = {name: normalise("amplitude.id", fields.get(name)) for name in ("user_id", "device_id")}
    ids = {name: value for name, value in found.items() if value}
    if not ids:
        raise ValidationError("there is neither a user id nor a device id that Amplitude takes")
    return ids


def context_of(fields: dict[str, Any]) -> dict[str, Any]:
    """What is known of the device. Amplitude updates all of it together, so what a phone says is not mixed with a user agent."""
    told = {name: fields[name] for name in _PATHS if name in fields}
    if not {"os_name", "device_manufacturer", "device_model"} & told.keys():
        told |= device_of(fields.get("user_agent", ""))
    if platform := fields.get("platform"):
        told["platform"] = _PLATFORMS.get(platform.lower(), platform)
    elif fields.get("library") == "analytics.js":
        told["platform"] = "Web"
    return told


def user_properties_of(fields: dict[str, Any]) -> dict[str, Any]:
    """With where the user came from: now, and the first time. Operations and plain names cannot stand side by side."""
    own = fields.get("user_properties", {})
    origin = {name: fields[name] for name in ("referrer", *(f"utm_{name}" for name in UTM)) if fields.get(name)}
    if not origin:
        return dict(own)
    plain = {name: value for name, value in own.items() if not name.startswith("$")}
    operations = {name: value for name, value in own.items() if name.startswith("$")}
    first = {f"initial_{name}": value for name, value in origin.items()}
    return {
        **operations,
        "$set": {**plain, **_object(operations.get("$set")), **origin},
        "$setOnce": {**_object(operations.get("$setOnce")), **first},
    }


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
