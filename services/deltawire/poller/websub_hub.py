"""One request to a hub, which is as much a stranger as the site that named it."""

from __future__ import annotations

import asyncio
from typing import Literal
from urllib.parse import urlsplit

import aiohttp

from deltawire import http_time
from deltawire.clock import Clock
from deltawire.config import FetchConfig
from deltawire.poller.fetch import MAX_REDIRECTS, FetchRefused, failure_of, next_hop
from deltawire.poller.hosts import Gates
from deltawire.poller.outcome import Failure
from deltawire.poller.websub import LEASE, is_signed
from deltawire.poller_state import Subscription

_REDIRECTS = frozenset({301, 302, 307, 308})


async def ask(
    session: aiohttp.ClientSession,
    config: FetchConfig,
    gates: Gates,
    subscription: Subscription,
    mode: Literal["subscribe", "unsubscribe"],
    clock: Clock,
) -> Failure | None:
    """Ask the hub to begin or to end (WebSub, 5.1); null if it has accepted the request. Never raises for what it does.

    The secret goes to https addresses only (5.1). Redirects are followed with the same request, from https to http
    never.
    """
    form = {"hub.mode": mode, "hub.topic": subscription.topic, "hub.callback": subscription.callback}
    if mode == "subscribe":
        form |= {"hub.lease_seconds": f"{LEASE.total_seconds():.0f}"}
        form |= {"hub.secret": subscription.secret} if is_signed(subscription) else {}
    host = urlsplit(subscription.hub).hostname or "the hub"
    async with gates.slot(subscription.hub):
        try:
            async with asyncio.timeout(config.timeout):
                failure = await _post(session, subscription.hub, form, clock)
        except FetchRefused as refused:
            failure = refused.failure
        except TimeoutError:
            failure = Failure(cause="timeout", detail=f"{host} gave no answer within {config.timeout:g} s")
        except aiohttp.ClientError as error:
            failure = failure_of(error, host)
    if failure is not None:
        gates.heed(failure, clock())
    return failure


async def _post(session: aiohttp.ClientSession, hub: str, form: dict[str, str], clock: Clock) -> Failure | None:
    here = hub
    for _ in range(MAX_REDIRECTS + 1):
        async with session.post(here, data=form, allow_redirects=False) as response:
            host, status = urlsplit(here).hostname, response.status
            if status in _REDIRECTS:
                there = next_hop(here, response)
                if here.startswith("https:") and not there.startswith("https:"):
                    return Failure(cause="redirect", detail=f"{host} redirects from https to http", status=status)
                here = there
                continue
            if 200 <= status < 300:
                return None
            busy = status in (429, 503)
            return Failure(
                cause=f"http-{status}",
                detail=f"{host} answered {status} to a request to subscribe or unsubscribe",
                status=status,
                retry_after=http_time.retry_after(response.headers.get("Retry-After"), clock()) if busy else None,
                refused_by=here if busy else None,
            )
    return Failure(cause="redirect", detail=f"{urlsplit(hub).hostname} redirects more than {MAX_REDIRECTS} times")
