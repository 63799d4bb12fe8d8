"""Asks people why they left: on `Application Uninstalled` a survey of Typeform goes out by e-mail, at most once a person.

Typeform takes no events. The link carries who is asked in hidden fields, so that the answers, which its webhook brings back, can be
told apart.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from doorstep.engine.sdk import EventNotSupported, ValidationError, setting

ONCE_S = 90 * 24 * 3600


class Settings:
    form_id: str = setting("The form: the last part of its address", required=True)
    mail_url: str = setting("Where e-mails are sent: an HTTP API that takes to, subject and text", required=True)
    mail_token: str = setting("Its token", required=True, secret=True)


async def on_track(event: Any, settings: Any, ctx: Any) -> str | None:
    if event.event != "Application Uninstalled":
        raise EventNotSupported("only who leaves is asked")
    email = event.properties.get("email") or event.context.get("traits", {}).get("email")
    if not email:
        raise ValidationError("nobody to ask: the event has no e-mail address")
    hidden = {"user_id": event.userId or "", "version": event.context.get("app", {}).get("version", "")}
    survey = f"https://form.typeform.com/to/{settings.form_id}#{urlencode(hidden)}"

    async def ask() -> str:
        response = await ctx.fetch(
            settings.mail_url,
            method="POST",
            headers={"Authorization": f"Bearer {settings.mail_token}", "Idempotency-Key": event.messageId},
            json={"to": email, "subject": "Why did you leave?", "text": f"One minute of yours would help us: {survey}"},
        )
        response.raise_for_status()
        return survey

    return await ctx.cache.load(f"asked {email}", ONCE_S, ask)
