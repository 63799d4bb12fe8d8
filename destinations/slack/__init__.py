"""Slack: a message in a channel for each event, through an incoming webhook."""
