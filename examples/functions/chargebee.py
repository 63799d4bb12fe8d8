"""Keeps Chargebee as the product knows it: `identify` is the customer, a change of plan the subscription."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from doorstep.engine.sdk import InvalidEventPayload, RetryError, ValidationError, setting


class Settings:
    site: str = setting("The site: the part before .chargebee.com", required=True)
    api_key: str = setting("A full-access API key", required=True, secret=True)
    item_prices: dict[str, str] = setting("Plan of the product -> item price of Chargebee", required=True)


async def on_identify(event: Any, settings: Any, ctx: Any) -> None:
    customer = _customer(event)
    response = await _post(f"customers/{_id_of(event)}", customer, event, settings, ctx)
    if response.status == 404:
        response = await _post("customers", {"id": _id_of(event), **customer}, event, settings, ctx)
    await _expect_success(response)


async def on_track(event: Any, settings: Any, ctx: Any) -> None:
    if event.event == "Subscription Started":
        path = f"customers/{_id_of(event)}/subscription_for_items"
    elif event.event == "Plan Changed":
        path = f"subscriptions/{_subscription(event)}/update_for_items"
    else:
        ctx.log("not a subscription:", event.event)
        return
    item_price = settings.item_prices.get(event.properties.get("plan"))
    if item_price is None:
        raise ValidationError(f"no item price for the plan {event.properties.get('plan')!r}")
    form = {
        "subscription_items[item_price_id][0]": item_price,
        "subscription_items[quantity][0]": event.properties.get("seats", 1),
    }
    if event.event == "Subscription Started":
        form["id"] = _subscription(event)
    await _expect_success(await _post(path, form, event, settings, ctx))


def _customer(event: Any) -> dict[str, Any]:
    names = {
        "first_name": "firstName",
        "last_name": "lastName",
        "email": "email",
        "phone": "phone",
        "company": "company",
    }
    return {name: event.traits[trait] for name, trait in names.items() if event.traits.get(trait)}


def _id_of(event: Any) -> str:
    if not event.userId:
        raise ValidationError("a customer needs a userId")
    return str(event.userId)


def _subscription(event: Any) -> str:
    subscription = event.properties.get("subscription_id")
    if not subscription:
        raise ValidationError("subscription_id is required")
    return str(subscription)


async def _post(path: str, form: dict[str, Any], event: Any, settings: Any, ctx: Any) -> Any:
    url = f"https://{settings.site}.chargebee.com/api/v2/{path}"
    headers = {
        "Authorization": "Basic " + b64encode(f"{settings.api_key}:".encode()).decode(),
        # What is sent again after a time-out is not done twice.
        "chargebee-idempotency-key": f"{event.messageId}/{path}"[:100],
    }
    return await ctx.fetch(url, method="POST", headers=headers, data=form)


async def _expect_success(response: Any) -> None:
    """What Chargebee refuses for good is given up with its own words."""
    if response.ok:
        return
    if response.status in (400, 404, 409):
        told = await response.json()
        raise InvalidEventPayload(f"{told.get('api_error_code')}: {told.get('message')}")
    raise RetryError(f"Chargebee answered {response.status}", after=_seconds(response.headers.get("retry-after")))


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdigit() else None
