"""Amplitude: events, revenue, user and group properties, user mapping, deletions."""
