"""Meta Conversions API: conversions on a server beside those of the pixel."""
