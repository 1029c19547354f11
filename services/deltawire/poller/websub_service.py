"""The WebSub subscriber of a poller process: asks hubs, answers them, and wakes the feeds that they speak of.

A process answers for the feeds that it watches. Several pollers have a callback each; what reaches the wrong one, or
comes for a subscription that is no more, is answered and counted, and leads to nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Coroutine
from datetime import datetime
from typing import Any, Protocol

import aiohttp
import structlog
from aiohttp import web

from deltawire import telemetry
from deltawire.clock import Clock
from deltawire.config import FetchConfig, WebSubConfig
from deltawire.listening import CannotListen
from deltawire.log.port import LogError
from deltawire.model import Feed
from deltawire.poller import websub, websub_discovery, websub_hub
from deltawire.poller.fetch import CHUNK
from deltawire.poller.hosts import Gates
from deltawire.poller.outcome import Fetched
from deltawire.poller_state import Subscription
from deltawire.tasks import cancel

logger = structlog.get_logger()

TEND_INTERVAL = 5.0
"""Seconds between two searches for subscriptions that are due."""

SHUTDOWN_TIMEOUT = 2.0
_TOKEN_BYTES = 32


class Member(Protocol):
    """A feed that this process watches. ``save`` writes its subscription, and is false once it is watched no more."""

    feed: Feed
    subscription: Subscription | None

    async def save(self) -> bool: ...

    def wake(self) -> None: ...


class WebSub:
    """Off without ``config.callback``: then nothing listens, and what was subscribed to before is forgotten."""

    def __init__(
        self, config: WebSubConfig, fetch: FetchConfig, session: aiohttp.ClientSession, gates: Gates, clock: Clock
    ) -> None:
        self._base = config.callback and config.callback.rstrip("/")
        self._config = config
        self._fetch = fetch
        self._session = session
        self._gates = gates
        self._clock = clock
        self._members: dict[str, Member] = {}
        self._tokens: dict[str, Member] = {}
        self._callbacks: dict[str, str] = {}
        self._leaving: dict[str, str] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._kicked = asyncio.Event()
        self._complained: dict[str, float] = {}

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Answer hubs, and ask them when it is time, within the context.

        Raises:
            CannotListen: before anything is asked.
        """
        if self._base is None:
            yield
            return
        app = web.Application()
        app.add_routes([web.get("/{path:.*}", self._verify, allow_head=False), web.post("/{path:.*}", self._take)])
        # A delivery is signed as it was sent, and nobody unpacks it.
        runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=SHUTDOWN_TIMEOUT)
        await runner.setup()
        tending: asyncio.Task[None] | None = None
        try:
            try:
                await web.TCPSite(runner, self._config.host, self._config.port).start()
            except OSError as error:
                raise CannotListen("websub", self._config.host, self._config.port, error) from None
            tending = asyncio.create_task(self._tend())
            yield
        finally:
            await cancel([*self._tasks, *([tending] if tending else [])])
            await runner.cleanup()

    def follow(self, member: Member) -> None:
        """Answer for a feed from now on."""
        if self._base is None:
            member.subscription = None
            return
        old = member.subscription
        if old is not None and not self._is_ours(old):
            # Made under another callback: a hub that verifies or delivers there does not reach us.
            self._take_up(member, websub.Offer(old.hub, old.topic), None)
        self._register(member)

    def unfollow(self, member: Member) -> None:
        """Answer for a feed no more. Its subscription stays: whoever watches the feed next goes on with it."""
        if self._members.pop(member.feed.id, None) is not None:
            self._tokens.pop(self._callbacks.pop(member.feed.id, ""), None)

    def drop(self, member: Member) -> None:
        """End the subscription of a feed that is not looked at any more."""
        old, member.subscription = member.subscription, None
        self.unfollow(member)
        if old is not None:
            self._spawn(self._forget(member))
            self.leave(old)

    def leave(self, subscription: Subscription) -> None:
        """Tell the hub, once, that nothing is wanted any more. If that fails, the lease runs out."""
        if self._base is not None and self._is_ours(subscription) and subscription.asked_at is not None:
            self._leaving[_token(subscription)] = subscription.topic
            self._spawn(self._unsubscribe(subscription))

    def discover(self, member: Member, fetched: Fetched) -> None:
        """Take up what a document offers. One that offers nothing changes nothing: its hub knows."""
        if self._base is None or (offer := websub_discovery.offer(fetched)) is None:
            return
        old = member.subscription
        if self._take_up(member, offer, old) and old is not None:
            self.leave(old)

    def _take_up(self, member: Member, offer: websub.Offer, before: Subscription | None) -> bool:
        callback = f"{self._base}/{secrets.token_urlsafe(_TOKEN_BYTES)}"
        new = websub.taken_up(offer, before, callback, secrets.token_urlsafe(_TOKEN_BYTES), self._clock())
        if new is None:
            return False
        member.subscription = new
        self._register(member)
        self._kicked.set()
        return True

    def _register(self, member: Member) -> None:
        self._members[member.feed.id] = member
        self._tokens.pop(self._callbacks.pop(member.feed.id, ""), None)
        if member.subscription is not None:
            token = self._callbacks[member.feed.id] = _token(member.subscription)
            self._tokens[token] = member

    def _is_ours(self, subscription: Subscription) -> bool:
        return subscription.callback.rpartition("/")[0] == self._base

    async def _tend(self) -> None:
        while True:
            self._kicked.clear()
            now = self._clock()
            for id_, member in self._members.items():
                subscription = member.subscription
                if subscription is not None and subscription.due <= now and id_ not in self._asking:
                    self._asking[id_] = self._spawn(self._subscribe(member))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TEND_INTERVAL):
                    await self._kicked.wait()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _subscribe(self, member: Member) -> None:
        try:
            if member.subscription is None:
                return
            # Before the hub is asked: it may verify before it answers, and a restart must not ask at once again.
            member.subscription = subscription = websub.asked(member.subscription, self._clock())
            if not await member.save():
                return
            failure = await websub_hub.ask(
                self._session, self._fetch, self._gates, subscription, "subscribe", self._clock
            )
            telemetry.websub.labels("failed" if failure else "asked").inc()
            if failure is None:
                return
            current = member.subscription
            if failure.retry_after and current is not None and current.callback == subscription.callback:
                member.subscription = websub.put_off(current, failure.retry_after)
                await member.save()
            self._warn("websub.failed", member.feed.id, subscription, failure.detail)
        except LogError as error:
            self._warn("websub.failed", member.feed.id, member.subscription, str(error)[:200])
        finally:
            del self._asking[member.feed.id]

    async def _forget(self, member: Member) -> None:
        # Until that is durable, the next process will unsubscribe once more.
        with contextlib.suppress(LogError):
            await member.save()

    async def _unsubscribe(self, subscription: Subscription) -> None:
        failure = await websub_hub.ask(
            self._session, self._fetch, self._gates, subscription, "unsubscribe", self._clock
        )
        telemetry.websub.labels("failed" if failure else "left").inc()
        if failure is not None:
            self._leaving.pop(_token(subscription), None)

    async def _verify(self, request: web.Request) -> web.Response:
        """Verification of intent, or a denial (5.2, 5.3)."""
        said = request.query
        mode, topic, challenge = (said.get(f"hub.{name}", "") for name in ("mode", "topic", "challenge"))
        token = request.path.rpartition("/")[2]
        if mode == "unsubscribe" and token in self._leaving and self._leaving[token] == topic and challenge:
            del self._leaving[token]
            return _echo(challenge)
        member = self._tokens.get(token)
        subscription = member.subscription if member else None
        if member is None or subscription is None:
            return _refused()
        now = self._clock()
        if mode == "denied":
            changed = websub.denied(subscription, topic, now)
        else:
            changed = websub.confirmed(subscription, mode, topic, said.get("hub.lease_seconds", ""), now)
        if changed is None or not (challenge or mode == "denied"):
            return _refused()
        if changed is subscription:
            # A hub can say so as often as it likes: each time must not cost a commit and a line of the log.
            return _echo(challenge)
        member.subscription = changed
        try:
            if not await member.save():
                return _refused()
        except LogError:
            return web.Response(status=503)
        if mode == "denied":
            telemetry.websub.labels("denied").inc()
            self._warn("websub.denied", member.feed.id, changed, "the hub does not deliver this feed")
            return web.Response(status=204)
        telemetry.websub.labels("confirmed").inc()
        until: datetime | None = changed.lease_until
        signed, hub = websub.is_signed(changed), telemetry.redact(changed.hub)
        logger.info("websub.subscribed", feed=member.feed.id, hub=hub, until=until, signed=signed)
        return _echo(challenge)

    async def _take(self, request: web.Request) -> web.Response:
        """A delivery (7): a sign that the feed has changed, if its signature is right. Its content is never used."""
        member = self._tokens.get(request.path.rpartition("/")[2])
        subscription = member.subscription if member else None
        if member is None or subscription is None:
            return _taken("unknown")
        signed = websub.is_signed(subscription)
        claim = websub.claim(subscription.secret, request.headers.get("X-Hub-Signature", "")) if signed else None
        if signed and claim is None:
            return self._ignored(member, subscription, "unsigned")
        size = 0
        try:
            async with asyncio.timeout(self._fetch.timeout):
                async for chunk in request.content.iter_chunked(CHUNK):
                    size += len(chunk)
                    if size > self._fetch.max_bytes:
                        telemetry.websub.labels("too-large").inc()
                        return web.Response(status=413)
                    if claim is not None:
                        claim.mac.update(chunk)
        except TimeoutError:
            telemetry.websub.labels("too-slow").inc()
            return web.Response(status=408)
        if claim is not None and not claim.holds():
            return self._ignored(member, subscription, "forged")
        member.wake()
        return _taken("delivered")

    def _ignored(self, member: Member, subscription: Subscription, outcome: str) -> web.Response:
        self._warn("websub.ignored", member.feed.id, subscription, f"a delivery is {outcome}")
        return _taken(outcome)

    def _warn(self, event: str, feed: str, subscription: Subscription | None, detail: str) -> None:
        """Log it, but not again within a minute: who knows a callback must not fill the disk."""
        now = asyncio.get_running_loop().time()
        if now - self._complained.get(event + feed, -telemetry.REPEAT_AFTER) < telemetry.REPEAT_AFTER:
            return
        self._complained[event + feed] = now
        logger.warning(event, feed=feed, hub=subscription and telemetry.redact(subscription.hub), detail=detail)


def _token(subscription: Subscription) -> str:
    return subscription.callback.rpartition("/")[2]


def _echo(challenge: str) -> web.Response:
    return web.Response(text=challenge, headers={"X-Content-Type-Options": "nosniff"})


def _refused() -> web.Response:
    telemetry.websub.labels("refused").inc()
    return web.Response(status=404)


def _taken(outcome: str) -> web.Response:
    """Accepted, whatever it was: a wrong signature is not told from a right one (7.1)."""
    telemetry.websub.labels(outcome).inc()
    return web.Response(status=202)
