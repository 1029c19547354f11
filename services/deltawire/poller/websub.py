"""What a WebSub subscriber does next (W3C REC, 23 January 2018). Pure.

A delivery is a hint to look at the feed now, never content: whoever learns a callback's address and secret can at most
have the feed looked at as often as its ``min_interval`` allows. A hub that is asked over plain http gets no secret
(5.1), so that what it delivers is not signed: there the callback's address alone is what has to be known.
"""

from __future__ import annotations

import hmac
import re
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from deltawire.poller_state import Subscription

LEASE = timedelta(days=10)
"""What hubs are asked for; what they grant counts (5.1)."""

LONGEST_LEASE = timedelta(days=30)
RENEW_AT = 0.8
"""The part of a lease after which it is renewed."""

SHORTEST_RENEWAL = timedelta(minutes=5)
"""Between two requests for one feed, however short the leases that its hub grants."""

LONGEST_WAIT = timedelta(days=1)
"""Between two requests to a hub that does not confirm, and after a denial."""

SETTLE = timedelta(hours=1)
"""An offer that replaces another waits until that one is so old: a source cannot drive us from hub to hub."""

_ALGORITHMS = frozenset({"sha1", "sha256", "sha384", "sha512"})
_signature = re.compile(r"\s*(sha\d{1,3})=([0-9a-f]{40,128})\s*", re.IGNORECASE)
_digits = re.compile(r"\d{1,12}", re.ASCII)


class Offer(NamedTuple):
    """Where a document can be subscribed to (``hub``), and under which name (``topic``, its rel=self)."""

    hub: str
    topic: str


def taken_up(
    offer: Offer, before: Subscription | None, callback: str, secret: str, now: datetime
) -> Subscription | None:
    """The subscription that an offer asks for; null if it is ``before``."""
    if before is not None and offer == (before.hub, before.topic):
        return None
    due = now if before is None else max(now, before.since + SETTLE)
    return Subscription(hub=offer.hub, topic=offer.topic, callback=callback, secret=secret, since=now, due=due)


def asked(subscription: Subscription, now: datetime) -> Subscription:
    """After the hub was asked. It is asked again if it does not confirm, each time later."""
    attempts = subscription.attempts + 1
    wait = min(SHORTEST_RENEWAL * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
    return msgspec.structs.replace(subscription, asked_at=now, attempts=attempts, due=now + wait)


def put_off(subscription: Subscription, until: datetime) -> Subscription:
    """After the hub said not to ask before."""
    return msgspec.structs.replace(subscription, due=max(subscription.due, until))


def confirmed(subscription: Subscription, mode: str, topic: str, lease: str, now: datetime) -> Subscription | None:
    """After a verification of intent (5.3); null if it is for something that was not asked for.

    ``lease`` is hub.lease_seconds as it came. A hub that grants nothing that can be read grants what it was asked for.
    What is verified once more, though nothing was asked since, changes nothing.
    """
    if mode != "subscribe" or topic != subscription.topic or subscription.asked_at is None:
        return None
    if not subscription.attempts:
        return subscription
    granted = timedelta(seconds=int(lease)) if _digits.fullmatch(lease) else LEASE
    granted = min(granted, LONGEST_LEASE)
    due = now + max(granted * RENEW_AT, SHORTEST_RENEWAL)
    return msgspec.structs.replace(subscription, attempts=0, lease_until=now + granted, due=due)


def denied(subscription: Subscription, topic: str, now: datetime) -> Subscription | None:
    """After the hub said that it does not deliver (5.2); null if that is about something else, or was said before."""
    if topic != subscription.topic or subscription.asked_at is None:
        return None
    return msgspec.structs.replace(subscription, asked_at=None, lease_until=None, proven=False, due=now + LONGEST_WAIT)


def judged(subscription: Subscription, *, announced: bool) -> Subscription:
    """After a look found a change, which a delivery had announced or not."""
    return msgspec.structs.replace(subscription, proven=announced)


def is_active(subscription: Subscription, now: datetime) -> bool:
    return subscription.lease_until is not None and subscription.lease_until > now


def announces(subscription: Subscription | None, now: datetime) -> bool:
    """Whether changes can be expected to be announced. A hub's word is not enough: it must have delivered."""
    return subscription is not None and subscription.proven and is_active(subscription, now)


def is_signed(subscription: Subscription) -> bool:
    """Whether deliveries have to be signed: if the secret that they are signed with is told under TLS."""
    return subscription.hub.startswith("https:")


class Claim(NamedTuple):
    """A signature to be proved: feed the body to ``mac``, then ask ``holds``."""

    mac: hmac.HMAC
    digest: bytes

    def holds(self) -> bool:
        return hmac.compare_digest(self.mac.digest(), self.digest)


def claim(secret: str, header: str) -> Claim | None:
    """The X-Hub-Signature of a delivery (7.1); null if it is none by a method that the REC names."""
    found = _signature.fullmatch(header)
    if found is None or found[1].lower() not in _ALGORITHMS or len(found[2]) % 2:
        return None
    return Claim(hmac.new(secret.encode(), digestmod=found[1].lower()), bytes.fromhex(found[2]))
