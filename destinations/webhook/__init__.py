"""Any HTTP endpoint that takes events as JSON."""
