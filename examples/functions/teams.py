"""A message in Microsoft Teams when somebody signs up or orders, through the webhook of a workflow."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import EventNotSupported, ValidationError, setting


class Settings:
    webhook_url: str = setting("The workflow's webhook", required=True, secret=True)
    large_order: float = setting("From which amount on an order is called large", default=500.0)


async def on_track(event: Any, settings: Any, ctx: Any) -> None:
    write = _MESSAGES.get(event.event)
    if write is None:
        raise EventNotSupported(f"nobody is told of {event.event}")
    text, facts = write(event, settings)
    response = await ctx.fetch(settings.webhook_url, method="POST", json=_card(text, facts))
    ctx.log("Teams answered", response.status)
    response.raise_for_status()


def _signed_up(event: Any, settings: Any) -> tuple[str, dict[str, Any]]:
    who = event.properties.get("email") or event.userId or event.anonymousId
    return f"**{who}** signed up", {"Plan": event.properties.get("plan", "free")}


def _ordered(event: Any, settings: Any) -> tuple[str, dict[str, Any]]:
    order = event.properties
    amount = order.get("revenue", order.get("total"))
    if not isinstance(amount, int | float):
        raise ValidationError("an order needs a revenue or a total")
    size = "A large order" if amount >= settings.large_order else "An order"
    return f"{size}: **{amount:.2f} {order.get('currency', 'USD')}**", {
        "Order": order.get("order_id", "?"),
        "Customer": event.userId,
        "Products": len(order.get("products", [])),
    }


_MESSAGES = {"Signed Up": _signed_up, "Order Completed": _ordered}


def _card(text: str, facts: dict[str, Any]) -> dict[str, Any]:
    shown = [{"title": title, "value": str(value)} for title, value in facts.items() if value is not None]
    body = [{"type": "TextBlock", "text": text, "wrap": True}, {"type": "FactSet", "facts": shown}]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}
