"""The limiter: a true token bucket that promises moments instead of making callers queue.

`reserve` takes tokens at once and says how long to wait. The bucket is kept as *the latest promise*: `_at`, the moment of the last
admission that was promised (or the end of a pause), and `_tokens`, the level right after it, never negative. Each new promise is
at `_at` or later, which makes it first come, first served by construction and lets the rate change at any time: promises that
were made stand, and what follows is earned from there at the new rate.

Hence in any window of t seconds at most `burst + rate * t` is admitted, an admission being at `reserve`'s `now` + its wait.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ..settings import Settings

SLOWEST = 1 / 64
"""Of the configured rate: how far down refusals (429) can bring it. Six halvings; from there it is back in 20 s."""
RECOVERY = 0.05
"""Of the configured rate, added each second after a slow-down: additive increase, multiplicative decrease, as in TCP."""
REFUNDABLE_S = 1.0
"""How long after its admission a reservation may still be given back without the bucket overdrawing."""


class RateSettings(Settings, frozen=True, kw_only=True):
    """`rate`: how fast a destination is sent to; absent means unlimited."""

    per_second: Annotated[float, msgspec.Meta(gt=0, description="Events or requests per second.", examples=[2000])]
    burst: (
        Annotated[float, msgspec.Meta(ge=1, description="How many may go at once after a quiet time.", examples=[2000])]
        | None
    ) = None
    unit: Annotated[
        Literal["events", "requests"], msgspec.Meta(description="What is counted.", examples=["requests"])
    ] = "events"

    @property
    def bucket(self) -> float:
        """The burst that applies: one second's worth, at least 1, if none is written."""
        return max(1.0, self.per_second) if self.burst is None else self.burst


class LimiterStatistics(msgspec.Struct, frozen=True):
    """As of the last call; `rate` None means unlimited."""

    rate: float | None
    effective_rate: float | None
    """Below `rate` after a slow-down."""
    burst: float
    tokens: float
    free_at: float
    """Monotonic seconds: nothing new is admitted before; the last promise or the end of a pause."""
    slowdowns: int


class Limiter:
    """`rate` tokens a second, at most `burst` saved up, full at the start. Raises ValueError unless both are positive."""

    def __init__(self, rate: float | None, burst: float, now: float) -> None:
        _check(rate, burst)
        self._rate = rate
        self._burst = self._tokens = self._room = float(burst)
        self._effective = rate or 0.0
        self._now = self._at = now
        self._last = -1e300
        self._slowdowns = 0

    def reserve(self, cost: float, now: float) -> float:
        """Takes `cost` tokens now; the seconds to wait before going on. More than the burst costs the burst."""
        if self._rate is None and now >= self._at:
            return 0.0
        now = self._observe(now)
        if self._rate is not None:
            self._charge(min(cost, self._burst), now)
        return self._at - now if self._at > now else 0.0

    def reserve_nowait(self, cost: float, now: float) -> float:
        """Takes `cost` tokens if that means no waiting, and returns 0; else takes nothing and returns how long it would have meant.

        More than the burst costs the burst, and what is over it a pause: the rate holds whatever the cost.
        """
        before = (self._tokens, self._room, self._effective, self._at, self._last)
        wait_s = self.reserve(cost, now)
        if wait_s > 0:
            self._tokens, self._room, self._effective, self._at, self._last = before
        elif self._rate is not None and cost > self._burst:
            self.pause_until(now + (cost - self._burst) / self._effective, now)
        return wait_s

    def refund(self, cost: float, now: float) -> None:
        """Gives back a reservation that was not used, at its admission or before (at the latest `REFUNDABLE_S` after).

        It gives back what the bucket would have kept: with the reservation gone, the bucket could have been fuller at a later
        admission, and what would have run over there is lost. The place in the line is not given back: promises stand.
        """
        if self._rate is None:
            return
        self._observe(now)
        returned = min(cost, self._room)
        self._room -= returned
        self._tokens = min(self._burst, self._tokens + returned)

    def withdraw(self, cost: float, now: float) -> None:
        """Gives back the last reservation of all, unused: as nobody reserved since, the whole of it. Its place in the line stays taken."""
        if self._rate is None:
            return
        self._observe(now)
        self._tokens = min(self._burst, self._tokens + cost)

    def set_rate(self, rate: float | None, burst: float, now: float) -> None:
        """From the last promise on, this rate applies. A slow-down stays in proportion; a bucket is never filled by it."""
        _check(rate, burst)
        self._observe(now)
        if self._rate is None:
            self._tokens, share = burst, 1.0
            self._last, self._room = self._at, 0.0  # what was reserved while unlimited was never charged: no refunds
        else:
            self._tokens, share = min(burst, self._tokens), self._effective / self._rate
        self._rate, self._burst, self._effective = rate, float(burst), share * (rate or 0.0)

    def pause_until(self, when: float, now: float) -> None:
        """Promises nothing before `when`, not even if unlimited; a shorter pause never shortens a longer one.

        Paused time does not count: nothing is earned in it and no slow-down recovers, since nothing is learnt. A wait that was
        handed out before stands.
        """
        self._observe(now)
        self._at = max(self._at, when)

    def slow(self, now: float) -> None:
        """The receiver said 429: half the rate from here on, which then recovers. Without a rate there is none to halve."""
        if self._rate is None:
            return
        self._observe(now)
        self._effective = max(self._effective / 2, self._rate * SLOWEST)
        self._slowdowns += 1

    def statistics(self) -> LimiterStatistics:
        """What is known as of the last call."""
        effective = None if self._rate is None else self._effective
        return LimiterStatistics(self._rate, effective, self._burst, self._tokens, self._at, self._slowdowns)

    def __repr__(self) -> str:
        if self._rate is None:
            return f"<Limiter unlimited, free at {self._at:.3f}>"
        return f"<Limiter {self._effective:g} of {self._rate:g}/s, {self._tokens:g} of {self._burst:g} tokens at {self._at:.3f}>"

    def _observe(self, now: float) -> float:
        """Lets time pass up to `now`, never backwards; returns the moment it is."""
        now = self._now = max(now, self._now)
        if now > self._at:
            if self._rate is not None:
                self._tokens = min(self._burst, self._tokens + self._earn(self._rate, now - self._at))
            self._at = now
        return now

    def _charge(self, cost: float, now: float) -> None:
        rate = self._rate
        assert rate is not None
        self._tokens -= cost
        if self._tokens < 0:
            self._at += self._wait_for(rate, -self._tokens)
            self._tokens = 0.0
        if now > self._last + REFUNDABLE_S:
            self._room = self._burst  # nobody who could still give back stands before this one
        else:
            self._room = max(0.0, min(self._room, self._burst - self._tokens - cost))
        self._last = self._at

    def _earn(self, rate: float, seconds: float) -> float:
        """Tokens earned in the next `seconds`, in which a slow-down recovers: a ramp, then level."""
        start = self._effective
        if start >= rate:
            return seconds * rate
        self._effective = min(rate, start + RECOVERY * rate * seconds)
        ramp_s = (self._effective - start) / (RECOVERY * rate)
        return ramp_s * (start + self._effective) / 2 + max(0.0, seconds - ramp_s) * rate

    def _wait_for(self, rate: float, tokens: float) -> float:
        """Seconds in which `tokens` are earned, which then are over: `_earn` the other way round."""
        start, slope = self._effective, RECOVERY * rate
        if start >= rate:
            return tokens / rate
        ramp_tokens = (rate + start) / 2 * (rate - start) / slope
        if tokens >= ramp_tokens:
            self._effective = rate
            return (rate - start) / slope + (tokens - ramp_tokens) / rate
        self._effective = float((start * start + 2 * slope * tokens) ** 0.5)
        return 2 * tokens / (start + self._effective)


def _check(rate: float | None, burst: float) -> None:
    if burst <= 0 or (rate is not None and rate <= 0):
        raise ValueError(f"rate {rate} and burst {burst} must be above 0")
