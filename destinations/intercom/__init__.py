"""Intercom: contacts, what they do and the companies they work for."""
