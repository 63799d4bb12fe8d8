"""Customer.io: people, what they do, the objects they belong to and their devices, through the Track API v2."""
