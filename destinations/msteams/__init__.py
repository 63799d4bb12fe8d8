"""Microsoft Teams: a card in a channel for each event, through a Workflows webhook."""
