"""What another implementation was observed to send for the same events: a second opinion on every mapping (see `comparing`)."""
