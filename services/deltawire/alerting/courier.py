"""One channel's deliveries: sent when due, tried again, given up. A channel that hangs holds up only itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from datetime import timedelta

import structlog

from deltawire import telemetry
from deltawire.alerting.channels import Channel, alert_fields
from deltawire.alerting.schedule import Answer, settle
from deltawire.clock import Clock
from deltawire.events import rfc3339
from deltawire.store.port import Delivery, Store, StoreError
from deltawire.tasks import cancel

logger = structlog.get_logger()

AT_ONCE = 2
"""Requests to one channel at the same time."""

LONGEST_ATTEMPT = timedelta(seconds=20)
LEASE = timedelta(seconds=60)
"""How long a delivery belongs to the process that claimed it. One that dies in between sends it late: another takes
it when the lease is over, with the same webhook-id, which the receiver may then see twice."""

RELEASE_S = 2.0
"""For giving a claim back when the service stops; one that is not given back ends with its lease."""

LONGEST_SLEEP_S = 60.0
"""The store is asked at least this often: the clock may be set, another process may have raised an alert."""

PAUSE_S = 5.0
"""Before the store is asked again after it failed."""


class Courier:
    """What is owed lies in the store, so that a courier can be stopped at any moment: an attempt that was cut off
    is made again, with the same webhook-id.
    """

    def __init__(self, store: Store, channel: Channel, clock: Clock) -> None:
        self.wake = asyncio.Event()
        self._store = store
        self._channel = channel
        self._clock = clock
        self._failing = False
        self._gone = False
        self._logger = logger.bind(service="alerting", channel=channel.id)

    async def run(self) -> None:
        """Deliver until cancelled. Each attempt has a slot of its own: one that hangs holds up no other."""
        slots: set[asyncio.Task[None]] = set()
        try:
            while True:
                self.wake.clear()
                try:
                    _free(slots)
                    if len(slots) < AT_ONCE:
                        slots |= await self.begin_due(AT_ONCE - len(slots))
                    # While all are taken nothing else can begin, however long it has been due.
                    due = None if len(slots) == AT_ONCE else await self._store.next_due(channel_id=self._channel.id)
                except Exception as error:
                    self._logger.warning(
                        "alert.deliveries_stopped", outcome="retry", error=str(error), pause_s=PAUSE_S, exc_info=error
                    )
                    await asyncio.sleep(PAUSE_S)
                    continue
                sleep = LONGEST_SLEEP_S if due is None else (due - self._clock()).total_seconds()
                await self._sleep(max(0.0, min(sleep, LONGEST_SLEEP_S)), slots)
        finally:
            await cancel(slots)

    async def _sleep(self, seconds: float, slots: Collection[asyncio.Task[None]]) -> None:
        """Until then, or until there is something to do: an alert came, or a slot is free."""
        woken = asyncio.ensure_future(self.wake.wait())
        try:
            await asyncio.wait({woken, *slots}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()

    async def begin_due(self, limit: int) -> set[asyncio.Task[None]]:
        """Begin to attempt up to ``limit`` deliveries that are due now, those that are due longest.

        They are claimed first, so that nobody else attempts them meanwhile.
        """
        due = await self._store.claim(self._channel.id, self._clock(), limit, LEASE)
        return {asyncio.create_task(self._attempt(delivery)) for delivery in due}

    async def _attempt(self, delivery: Delivery) -> None:
        if delivery.claimed_until is not None and self._clock() > delivery.claimed_until - LONGEST_ATTEMPT:
            return  # this process stood still since the claim; another may hold the delivery before it is sent
        try:
            settled = settle(delivery, await self._send(delivery), self._clock())
        except asyncio.CancelledError:
            with contextlib.suppress(StoreError, TimeoutError):
                async with asyncio.timeout(RELEASE_S):
                    await self._store.release(delivery)
            raise
        if not await self._store.record_attempt(settled):
            self._logger.info("alert.claim_lost", outcome="left to others", **alert_fields(delivery.alert))
            return
        telemetry.deliveries.labels(self._channel.id, settled.state if settled.state != "owed" else "retry").inc()
        self._tell(settled)

    async def _send(self, delivery: Delivery) -> Answer:
        if self._gone:
            return Answer(ok=False, gone=True, text="not sent: the endpoint answered HTTP 410 before")
        try:
            answer = await self._channel.send(delivery.alert, self._clock())
        except Exception as error:  # one alert that cannot be sent must not keep the others from being sent
            return Answer(ok=False, text=f"not sent: {type(error).__name__}")
        self._gone = self._gone or answer.gone
        return answer

    def _tell(self, delivery: Delivery) -> None:
        """One line for the attempt; a warning only when the channel begins to fail, or an alert is given up."""
        was_failing, self._failing = self._failing, delivery.state != "delivered"
        fields = alert_fields(delivery.alert) | {"attempts": delivery.attempts, "answer": delivery.answer}
        if delivery.state == "delivered":
            if not self._channel.quiet:
                state = "recovered" if was_failing else "ok"
                self._logger.info("alert.delivered", outcome="delivered", channel_state=state, **fields)
        elif delivery.state == "dead":
            what_to_do = "check the channel's url and its receiver; after HTTP 410 it is left alone until a restart"
            self._logger.warning("alert.dead", outcome="given up", what_to_do=what_to_do, **fields)
        else:
            fields["next_attempt_at"] = rfc3339(delivery.next_attempt_at)
            if was_failing:
                self._logger.info("alert.retry", outcome="failed", channel_state="failing", **fields)
            else:
                what_to_do = "check the channel's url and its receiver; the alert is tried again for 3 days"
                self._logger.warning(
                    "alert.retry", outcome="failed", channel_state="ok -> failing", what_to_do=what_to_do, **fields
                )


def _free(slots: set[asyncio.Task[None]]) -> None:
    """Leave only those that are taken; an error that ended one is raised."""
    ended = {slot for slot in slots if slot.done()}
    slots -= ended
    for error in [slot.exception() for slot in ended]:
        if error is not None:
            raise error
