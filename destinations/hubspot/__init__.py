"""HubSpot: contacts, companies and custom events in the CRM."""
