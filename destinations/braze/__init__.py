"""Braze: profiles, events, purchases, and who is whom."""
