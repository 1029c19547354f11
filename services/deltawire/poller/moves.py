"""When a permanent redirect is believed, and which addresses a look asks. Pure.

A 301 or 308 can be an accident, or a portal that wants a login, so that a feed whose address was replaced at once would
be lost. A move counts once looks in a row over some time have led to the same place. Then the new place is asked
directly, the feed's own URL now and then, and again as soon as the new place fails.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import msgspec

from deltawire.model import Feed
from deltawire.poller.outcome import Fetched
from deltawire.poller.schedule import jitter
from deltawire.poller_state import FetchState, Move

CONFIRM_LOOKS = 5
CONFIRM_AFTER = timedelta(hours=1)
VERIFY_AFTER = timedelta(days=1)
_JITTER = 0.25


def places(feed: Feed, state: FetchState, now: datetime) -> tuple[str, ...]:
    """The URLs of a look, to be asked one after the other until one answers."""
    if state.moved_to is None:
        return (feed.url,)
    moved = _with_credentials(state.moved_to, feed.url)
    if state.attempts:
        return moved, feed.url
    sooner = 1 - _JITTER * jitter(feed.id, 0)
    if state.move_checked_at is None or now - state.move_checked_at >= VERIFY_AFTER * sooner:
        return feed.url, moved
    return (moved,)


def after(feed: Feed, before: FetchState, state: FetchState, asked: str, fetched: Fetched, now: datetime) -> FetchState:
    """``state`` with what an answer of the URL ``asked`` says about where the feed is; ``before`` is that of before."""
    if asked == feed.url:
        return _from_own_url(state, fetched.permanent, now)
    if places(feed, before, now)[0] == feed.url:
        # The feed's own URL was due, but failed: the new place is all there is.
        return msgspec.structs.replace(state, move_checked_at=now)
    return state


def _from_own_url(state: FetchState, permanent: str | None, now: datetime) -> FetchState:
    if permanent is None:
        if state.move is None and state.moved_to is None and state.move_checked_at is None:
            return state
        return msgspec.structs.replace(state, move=None, moved_to=None, move_checked_at=None)
    if permanent == state.moved_to:
        return msgspec.structs.replace(state, move=None, move_checked_at=now)
    before = state.move
    move = Move(url=permanent, looks=1, since=now)
    if before is not None and before.url == permanent:
        move = msgspec.structs.replace(before, looks=before.looks + 1)
    if move.looks >= CONFIRM_LOOKS and now - move.since >= CONFIRM_AFTER:
        return msgspec.structs.replace(state, move=None, moved_to=permanent, move_checked_at=now)
    return msgspec.structs.replace(state, move=move, moved_to=None, move_checked_at=None)


def _with_credentials(url: str, own: str) -> str:
    """The URL with the credentials of the feed's own, which are never kept with a move, if it is of the same origin."""
    there, here = urlsplit(url), urlsplit(own)
    userinfo, _, address = here.netloc.rpartition("@")
    if not userinfo or (there.scheme, there.netloc.lower()) != (here.scheme, address.lower()):
        return url
    return urlunsplit(there._replace(netloc=f"{userinfo}@{there.netloc}"))
