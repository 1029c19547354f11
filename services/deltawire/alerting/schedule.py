"""When a delivery is tried again, and when it is given up. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from deltawire.store.port import Delivery

DELAYS_S = (0, 5, 30, 120, 300, 1800, 7200, 18_000, 36_000)
"""Seconds before each attempt; the last one repeats until GIVE_UP."""

GIVE_UP = timedelta(days=3)
JITTER = 0.1


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended. ``text`` is for people and holds no secret; ``gone``: the endpoint wants no more.

    ``retry_after_s`` is how many seconds the endpoint asked to be left alone, a day at most.
    """

    ok: bool
    text: str
    gone: bool = False
    retry_after_s: float | None = None


def settle(delivery: Delivery, answer: Answer, now: datetime) -> Delivery:
    """The delivery after an attempt that was answered at ``now``."""
    attempts = delivery.attempts + 1
    after = replace(delivery, attempts=attempts, answer=answer.text)
    if answer.ok:
        return replace(after, state="delivered")
    next_attempt_at = now + timedelta(seconds=delay_s(delivery.alert.id, attempts, answer.retry_after_s))
    if answer.gone or next_attempt_at > delivery.alert.raised_at + GIVE_UP:
        return replace(after, state="dead")
    return replace(after, next_attempt_at=next_attempt_at)


def delay_s(alert_id: str, attempts: int, retry_after_s: float | None) -> float:
    """Seconds until the next attempt after ``attempts`` of them: the plan's, or longer if the endpoint asked for it.

    The jitter of ±10 % comes from the alert's id, so that many alerts do not come back all at once.
    """
    planned = DELAYS_S[min(attempts, len(DELAYS_S) - 1)]
    dice = int.from_bytes(hashlib.sha256(f"{alert_id}/{attempts}".encode()).digest()[:4], "big") / 0xFFFFFFFF
    jittered = planned * (1 + JITTER * (2 * dice - 1))
    return max(jittered, retry_after_s or 0.0)
