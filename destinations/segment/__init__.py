"""Segment, or whatever speaks its tracking API: events as they are, to /v1/batch."""
