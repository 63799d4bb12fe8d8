"""Never ends, and never gives way. Events of the warm-up have no stamp (`bench.stamp`), and are spared."""


def on_any(event, settings, ctx):
    n = 0
    while "sent_at" in event.context:
        n += 1


on_identify = on_track = on_page = on_screen = on_group = on_alias = on_delete = on_any
