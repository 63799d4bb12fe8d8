"""Standard output."""
