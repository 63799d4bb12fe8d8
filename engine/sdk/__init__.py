"""All that an author of a destination or function imports: `from doorstep.engine.sdk import ...`, and nothing else of the engine.

    settings (decoded, valid) -> Destination(settings)
    ActionDestination:   event -> trigger -> mapping -> fields -> build -> exchange(items): request, response ... verdict
    RequestDestination:  batch -> request(batch) -> authority.authorize(request, token), if there is one -> sign(request, batch, at)
                         -> [engine sends] -> verdict(response, batch)
    Sink:                open() -> write(batch) -> verdict ... -> close()
    function:            a file with `class Settings` (of `setting`s) and `on_track(event, settings, ctx)` and its like

The engine decides who gets an event, forms the batches, limits the rate, sends, times out, retries, bisects a refused batch and keeps
dead letters; a destination only says what a request looks like and what an answer means. Beside this list, `sdk.testing` runs
events through a destination without a socket, and `sdk.conformance` is the suite that every destination passes. Neither is imported
here: the second needs pytest and Hypothesis, which a running engine does not.

This room imports `model` and what is below it; it never opens a socket. A clock is read in one
place only: for a `Retry-After` date in a response that does not say what time it is there.
"""

from ..errors import (
    DropEvent,
    EventNotSupported,
    Fault,
    FetchError,
    InvalidEventPayload,
    RetryError,
    ValidationError,
)
from ..mapping import Choice, Condition, Field, When
from ..model.batch import Batch
from ..model.envelope import Envelope
from ..model.exchange import Request, Response
from ..model.outcome import (
    DELIVERED,
    UNTRIED,
    Delivered,
    Failure,
    Filtered,
    Judgement,
    Outcome,
    Raised,
    Rejected,
    Reported,
    Retry,
    Untried,
    Verdict,
)
from ..privacy import Hashing, digest, hashed, hasher, normalise
from ..secret import Secret
from ..settings import Duration, Settings, Size
from .actions import Action, ActionDestination, Exchange, Item, Preset
from .auth import basic_auth, bearer_auth, hmac_signature
from .destination import Destination, Limits, RequestDestination, Sink, reach
from .function import setting
from .headers import header_problem, url_problem
from .oauth import Authority, ClientCredentials, RefreshToken, Token
from .payload import decode_event, received_iso
from .rounds import rounds
from .semantic import named
from .signing import Signer, webhook_id
from .verdict import fault_of_status, reported, retry_after, verdict_by_status

__all__ = [
    "DELIVERED",
    "UNTRIED",
    "Action",
    "ActionDestination",
    "Authority",
    "Batch",
    "Choice",
    "ClientCredentials",
    "Condition",
    "Delivered",
    "Destination",
    "DropEvent",
    "Duration",
    "Envelope",
    "EventNotSupported",
    "Exchange",
    "Failure",
    "Fault",
    "FetchError",
    "Field",
    "Filtered",
    "Hashing",
    "InvalidEventPayload",
    "Item",
    "Judgement",
    "Limits",
    "Outcome",
    "Preset",
    "Raised",
    "RefreshToken",
    "Rejected",
    "Reported",
    "Request",
    "RequestDestination",
    "Response",
    "Retry",
    "RetryError",
    "Secret",
    "Settings",
    "Signer",
    "Sink",
    "Size",
    "Token",
    "Untried",
    "ValidationError",
    "Verdict",
    "When",
    "basic_auth",
    "bearer_auth",
    "decode_event",
    "digest",
    "fault_of_status",
    "hashed",
    "hasher",
    "header_problem",
    "hmac_signature",
    "named",
    "normalise",
    "reach",
    "received_iso",
    "reported",
    "retry_after",
    "rounds",
    "setting",
    "url_problem",
    "verdict_by_status",
    "webhook_id",
]
