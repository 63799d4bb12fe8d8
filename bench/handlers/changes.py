"""An insert function: adds a field to every event."""


def on_any(event, settings, ctx):
    event.context["seen_by"] = "bench"
    return event


on_identify = on_track = on_page = on_screen = on_group = on_alias = on_delete = on_any
