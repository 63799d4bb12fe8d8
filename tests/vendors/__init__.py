"""The vendors' APIs, as strict as the real ones, behind the real engine: nothing is lost, nothing malformed (see `vendor`)."""
