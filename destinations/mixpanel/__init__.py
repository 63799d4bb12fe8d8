"""Mixpanel: events, purchases, user and group profiles, aliases, deletions."""
