"""Alerting: events that a rule is about become alerts that are owed to channels, and couriers deliver them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import get_args

import aiohttp
import structlog

from deltawire import events, telemetry
from deltawire.alerting.channels import make_channels
from deltawire.alerting.courier import Courier
from deltawire.alerting.payload import make_alert
from deltawire.alerting.rules import Rule, compile_rule, match, subject
from deltawire.clock import Clock, utc_now
from deltawire.config import ChannelConfig, DeadLettersConfig, RuleConfig
from deltawire.entries import WholeEntries
from deltawire.events import EntryData, EntryType, Event
from deltawire.log.dead_letters import Skips
from deltawire.log.fuse import DEFAULT_LIMITS, Fuse
from deltawire.log.port import Log, Record
from deltawire.log.topics import Topics
from deltawire.log.workers import run_partitions
from deltawire.model import Entry
from deltawire.sinks import follow
from deltawire.store.port import Alert, Store
from deltawire.tasks import cancel

logger = structlog.get_logger()

CONSUMER = "alerting"

NEWS = timedelta(hours=1)
"""Where the store knows nothing of alerting, alerts of events older than this are stored, but sent nowhere.

Such a store is new, or was deleted, and then they were most likely sent. A store that is only behind, however far,
loses no alert by this. What is an hour old or less may be sent again, with the same webhook-id.
"""

_ENTRY_TYPES = frozenset(get_args(EntryType))


async def run(
    log: Log,
    topics: Topics,
    store: Store,
    rules: Iterable[RuleConfig],
    channels: Sequence[ChannelConfig],
    session: aiohttp.ClientSession,
    *,
    clock: Clock = utc_now,
    limits: DeadLettersConfig = DEFAULT_LIMITS,
) -> None:
    """Run alerting for the partitions that this process is assigned, until cancelled.

    ``session`` carries the webhooks; whoever makes it decides which addresses may be reached.

    Raises:
        ValueError: a rule or a channel cannot be used; one sentence says which and why.
        FuseBlown: more events than ``limits`` allow cannot be read; nothing of their batch is stored.
    """
    compiled = [compile_rule(rule) for rule in rules]
    couriers = {id_: Courier(store, channel, clock) for id_, channel in make_channels(channels, session).items()}
    for rule in compiled:
        if unknown := set(rule.config.channels) - couriers.keys():
            raise ValueError(f"rule {rule.config.id!r}: there is no channel {min(unknown)!r}")
    for channel_id, owed in (await store.backlog()).items():
        if channel_id not in couriers:
            what_to_do = "configure the channel again, or leave the alerts undelivered"
            logger.warning("alert.channel_missing", channel=channel_id, owed=owed, what_to_do=what_to_do)

    async def worker(partition: int) -> None:
        sink = PartitionAlerting(log, topics, store, partition, compiled, couriers, clock, limits)
        try:
            await follow(log, store, CONSUMER, topics.events, partition, sink)
        finally:
            await sink.close()

    tasks = [asyncio.create_task(courier.run()) for courier in couriers.values()]
    try:
        await run_partitions(log, CONSUMER, topics.events, worker)
    finally:
        await cancel(tasks)


class PartitionAlerting:
    """One partition's sink: alerts, what they owe and the position are written in one transaction."""

    def __init__(
        self,
        log: Log,
        topics: Topics,
        store: Store,
        partition: int,
        rules: Sequence[Rule],
        couriers: Mapping[str, Courier],
        clock: Clock,
        limits: DeadLettersConfig,
    ) -> None:
        self._log = log
        self._topics = topics
        self._store = store
        self._partition = partition
        self._rules = rules
        self._couriers = couriers
        self._clock = clock
        self._fuse = Fuse(limits=limits, where=f"{topics.events} partition {partition}")
        self._past_end: int | None = None
        self._read_to: int | None = None
        self._kept_back = 0
        self._wholes = WholeEntries(log, topics.entries, partition)
        self._logger = logger.bind(service=CONSUMER, partition=partition)

    async def close(self) -> None:
        await self._wholes.close()

    async def take(self, expected: int | None, records: Sequence[Record]) -> int | None:
        """As ``Sink`` has it. On a new store the position is written once the past has been read: whoever begins
        anew after a kill, or takes the partition over, knows that it is the past still.
        """
        if expected is None and self._past_end is None:
            self._past_end = (await self._log.bounds(self._topics.events))[self._partition][1]
        sent_from = self._clock() - NEWS if expected is None else None
        raised: list[tuple[Alert, Sequence[str]]] = []
        skips = Skips(self._topics, CONSUMER)
        for record in records:
            if record.headers.get("ce_type", "") in _ENTRY_TYPES or "ce_type" not in record.headers:
                try:
                    event = events.decode(record.headers, record.value)
                    raised += self._alerts(event, await self._whole(event), sent_from)
                except (ValueError, IndexError) as error:
                    skips.skip(record, error, self._clock())
                    continue
            elif unknown := events.unknown_type(record.headers):
                telemetry.skipped.labels(CONSUMER).inc()
                self._logger.debug("alerting.skipped", outcome="unknown type", type=unknown, offset=record.offset)
            skips.passed()
        fuse = self._fuse.after(skips.outcomes)
        await skips.write(self._log)
        self._read_to = end = records[-1].offset + 1
        in_past = expected is None and self._past_end is not None and end < self._past_end
        position = None if in_past else end
        new = await self._store.raise_alerts(self._partition, expected, position, raised)
        self._fuse = fuse
        self._count(raised, new)
        if expected is None and position is not None:
            self._tell_past()
        self._logger.debug("alerting.matched", outcome="ok", position=end, events=len(records), alerts=len(new))
        return position

    async def caught_up(self) -> int | None:
        """The past may end before its last offset, where that holds no record (on Kafka a transaction's end)."""
        if self._read_to is not None:
            await self._store.raise_alerts(self._partition, None, self._read_to, [])
            self._tell_past()
        return self._read_to

    def _alerts(
        self, event: Event, whole: Entry | None, sent_from: datetime | None
    ) -> list[tuple[Alert, Sequence[str]]]:
        about = subject(event, whole)
        if about is None:
            return []
        now = self._clock()
        found = [(rule.config, match(rule, about)) for rule in self._rules]
        news = sent_from is None or event.time >= sent_from
        return [
            (make_alert(config.id, about, words, now), config.channels if news else ())
            for config, words in found
            if words is not None
        ]

    async def _whole(self, event: Event) -> Entry | None:
        if not isinstance(event.data, EntryData) or not event.data.truncated:
            return None
        return await self._wholes.find(event)

    def _count(self, raised: Sequence[tuple[Alert, Sequence[str]]], new: frozenset[str]) -> None:
        telemetry.duplicates.labels(CONSUMER).inc(len(raised) - len(new))
        by_id = {alert.id: (alert, channels) for alert, channels in raised}
        for alert, channels in map(by_id.__getitem__, new):
            telemetry.alerts.labels(alert.rule_id).inc()
            self._kept_back += not channels
            for channel in channels:
                self._couriers[channel].wake.set()

    def _tell_past(self) -> None:
        if self._kept_back:
            self._logger.info(
                "alerting.past_not_sent",
                outcome="stored, sent nowhere",
                alerts=self._kept_back,
                cause=f"the store is new, and their events were more than {NEWS} old",
            )

    async def resume(self, expected: int | None, begin: int, end: int) -> int | None:
        if expected is None:
            return None
        self._logger.warning(
            "alerting.events_lost",
            outcome="gone on with what is kept",
            cause="the log is another one" if expected > end else "retention deleted events that were not looked at",
            position=expected,
            oldest_kept=begin,
            end=end,
            what_to_do="none; no alert comes from the lost events",
        )
        await self._store.raise_alerts(self._partition, expected, begin, [])
        return begin
