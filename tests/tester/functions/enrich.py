async def on_track(event, settings, ctx):
    ctx.log("looking up", event.userId)
    response = await ctx.fetch(
        f"https://crm.example.com/users/{event.userId}", headers={"X-Api-Key": "a-key-of-the-code"}
    )
    event.properties["plan"] = (await response.json()).get("plan", "free")
    return event


def on_identify(event, settings, ctx):
    return None if "employees" in event.traits else event.traits


def on_page(event, settings, ctx):
    return event
