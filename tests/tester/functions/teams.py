from doorstep.engine.sdk import RetryError, ValidationError, setting


class Settings:
    webhook_url: str = setting("Incoming webhook", required=True, secret=True)


async def on_track(event, settings, ctx):
    if event.event == "Product Viewed":
        raise ValidationError("nobody wants to know")
    response = await ctx.fetch(settings.webhook_url, method="POST", json={"text": f"{event.event} by {event.userId}"})
    ctx.log("answered", response.status)
    if event.event == "Order Refunded":
        return event.properties["reason"]
    return await response.json()


def on_identify(event, settings, ctx):
    raise RetryError(f"not now, said {settings.webhook_url}", after=30)
