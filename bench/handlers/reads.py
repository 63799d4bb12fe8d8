"""A function as most are: reads a few fields of an event, and does what they say."""

SEEN = {"USD": 0}


def on_track(event, settings, ctx):
    if event.properties.get("currency") == "USD":
        SEEN["USD"] += 1


def on_other(event, settings, ctx):
    return event.userId


on_identify = on_page = on_screen = on_group = on_alias = on_delete = on_other
