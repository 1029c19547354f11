"""Two of each service on one broker and one PostgreSQL, and a nemesis: exactly the right events, and soon again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from chaos.checker import check
from chaos.fleet import Member, fleet
from chaos.history import Reader, read_of, value_of
from chaos.nemesis import Fault, Nemesis
from chaos.recorder import Recorder
from deltawire.config import KafkaConfig
from deltawire.log.kafka import KafkaLog
from deltawire.log.port import LogError
from deltawire.log.topics import Topics
from deltawire.press.chance import Publisher
from deltawire.press.render import FormatName
from e2e.deployment import deployed, press
from e2e.services import NAMES, on_kafka
from support.broker import Broker
from support.kafka_log import settings
from support.postgres import PostgresServer
from support.stores import PostgresEngine
from support.waiting import eventually

FORMATS: tuple[FormatName, ...] = ("rss", "atom", "json-feed", "json-ld", "guardian")
LOOKS = 5
"""Looks at a state before the next: one may be lost when its feed changes hands, and one may come too late."""

BACK_WITHIN = 30.0
"""Seconds after everything was healed until all of it has done its work again, on a machine that does nothing else."""

PATIENCE = 150.0
"""The same where other tests run beside."""

CHAOS_S = float(os.environ.get("DELTAWIRE_CHAOS_S") or 600)

RULES = """
[[rules]]
id = "every-new-post"
types = ["created"]
"""


class Town:
    """The publishers, the services, and what is known of them."""

    def __init__(
        self,
        truth: dict[str, Publisher],
        members: list[Member],
        log: KafkaLog,
        topics: Topics,
        engine: PostgresEngine,
        back_within: float,
    ) -> None:
        self.truth = truth
        self.members = members
        self.log = log
        self.topics = topics
        self.engine = engine
        self.back_within = back_within
        self.recorder = Recorder(log, topics)
        self.steady = asyncio.Event()
        self.entry_events: Counter[str] = Counter()
        self.reached: dict[int, int] = {}
        self.worst: dict[str, float] = {}

    def unsettle(self) -> None:
        """From now on a look may be lost: the present states stand until all of them have been seen again."""
        self.steady.clear()
        for publisher in self.truth.values():
            publisher.looks = 0

    async def publish(self, publisher: Publisher) -> None:
        while True:
            await publisher.looked(LOOKS)
            await self.steady.wait()
            if publisher.looks >= LOOKS:
                publisher.step()

    async def progress(self, steps: int) -> None:
        """Wait until every publisher has gone so many steps further."""
        before = {name: len(publisher.steps) for name, publisher in self.truth.items()}

        async def gone() -> bool:
            return all(len(publisher.steps) >= before[name] + steps for name, publisher in self.truth.items())

        await eventually(gone, seconds=120)

    async def witness(self) -> None:
        """Read every event as it comes, through every restart of the broker."""
        topic = self.topics.events
        positions = {p: begin for p, (begin, _) in (await self.log.bounds(topic)).items()}
        for number in range(1_000_000):
            name = f"witness-{number}"
            start = dict(positions)
            try:
                reader = await self.log.reader(topic, start)
            except LogError:
                await asyncio.sleep(0.2)
                continue
            try:
                while True:
                    for record in await reader.poll(timeout=0.2):
                        value = value_of(record.headers, record.value)
                        self.recorder.event(record.headers, record.value)
                        self.recorder.history.reads.append(read_of(name, record, value))
                        if str(value.event.get("type")).startswith("deltawire.entry."):
                            self.entry_events[str(value.event["partitionkey"])] += 1
                        self.reached[record.partition] = record.offset + 1
            except LogError:
                continue
            finally:
                positions = dict(reader.positions)
                self.recorder.history.readers.append(Reader(reader=name, start=start, end=positions))
                await reader.close()

    async def back_to_work(self) -> None:
        """Everything is healed now: wait until each kind of service has worked on every feed and partition.

        Pollers have looked at each feed, the events have caught up with what was looked at, storage and alerting
        with the events, and both gateways answer from the log and the store.
        """
        healed = time.monotonic()
        for publisher in self.truth.values():
            publisher.looks = 0
        before = {name: publisher.total_looks for name, publisher in self.truth.items()}

        async def looked() -> str:
            return _few(
                {n: p.total_looks - before[n] for n, p in self.truth.items() if p.total_looks < before[n] + LOOKS}
            )

        await self._by("poller", looked, healed)
        facts = {name: len(publisher.facts) for name, publisher in self.truth.items()}

        async def said() -> str:
            return _few(
                {n: f"{self.entry_events[n]} of {want}" for n, want in facts.items() if self.entry_events[n] < want}
            )

        await self._by("differ", said, healed)
        reached = dict(self.reached)
        for consumer in ("storage", "alerting"):

            async def stored(consumer: str = consumer) -> str:
                rows = await self.engine.fetch("SELECT consumer, partition, position FROM positions")
                at = {partition: position for name, partition, position in rows if name == consumer}
                return _few({p: f"{at.get(p)} of {want}" for p, want in reached.items() if (at.get(p) or 0) < want})

            await self._by(consumer, stored, healed)
        await self._by("gateway", self._unserved, healed)
        self.steady.set()

    async def _unserved(self) -> str:
        silent: dict[str, str] = {}
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for gateway in (member for member in self.members if member.kind == "gateway"):
                try:
                    async with session.get(f"{gateway.address()}api/feeds") as response:
                        listed = {feed["id"] for feed in (await response.json()).get("feeds", [])}
                        if response.status != 200 or listed != set(self.truth):
                            silent[gateway.name] = f"{response.status} {sorted(listed)}"
                except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                    silent[gateway.name] = repr(error)
        return _few(silent)

    async def _by(self, kind: str, lacking: Callable[[], Awaitable[str]], healed: float) -> None:
        """Wait until nothing is lacking; fails when that takes too long."""
        while what := await lacking():
            took = time.monotonic() - healed
            assert took < self.back_within, f"{kind} is not back to work after {took:.0f} s: {what}"
            await asyncio.sleep(0.1)
        self.worst[kind] = max(self.worst.get(kind, 0.0), time.monotonic() - healed)

    async def suffer(self, faults: Sequence[Fault]) -> None:
        """All of these at once, and back to work."""
        await asyncio.gather(*(fault() for fault in faults))
        await self.back_to_work()

    async def judge(self, folder: Path) -> None:
        """Everything is as it was published, in the log and in PostgreSQL."""
        store = await self.engine.open()
        try:
            for name, publisher in self.truth.items():
                self.recorder.truth(name, publisher.facts)
            history = await self.recorder.finish(store, list(self.truth))
        finally:
            await store.close()
        history.write(folder / "history.jsonl")
        assert [str(defect) for defect in check(history)] == [], f"the history is in {folder}"
        events = {value.event["id"]: value.event for value in history.values}
        assert await self.engine.fetch("SELECT count(*), count(DISTINCT event_id) FROM revisions") == [
            (len(events),) * 2
        ]
        due = {id_ for id_, e in events.items() if e["type"].endswith("entry.created") and not e["data"]["backfill"]}
        raised = await self.engine.fetch("SELECT event_id FROM alerts")
        assert sorted(raised) == sorted((id_,) for id_ in due)


def _few(lacking: dict[str, str] | dict[str, int] | dict[int, str]) -> str:
    return ", ".join(f"{name}: {what}" for name, what in lacking.items())


def publishers(seed: int, each: int) -> dict[str, Publisher]:
    """So many in each format; windowed where the format allows, all with noise."""
    return {
        f"{name}-{number}": Publisher(seed * 10 + number, name, window=8 if name == "rss" else None, noisy=True)
        for name in FORMATS
        for number in range(each)
    }


def configuration(config: str, broker: Broker, kafka: KafkaConfig, engine: PostgresEngine, interval: float) -> str:
    config = on_kafka(config, broker, kafka).replace("sqlite:///store.db", engine.url)
    config = config.replace("min_interval = 0.05", f"min_interval = {interval}")
    config = config.replace("max_interval = 0.1", f"max_interval = {2 * interval}")
    return config.replace("live_interval = 0.05", f"live_interval = {interval}") + RULES


@asynccontextmanager
async def town(
    folder: Path, postgres: PostgresServer, seed: int, *, each: int, interval: float, back_within: float
) -> AsyncIterator[tuple[Town, Broker]]:
    """Everything running and publishing."""
    broker = Broker(folder / "kafka", heap="384m")
    truth = publishers(seed, each)
    kafka = settings(partitions=4, timeout=KafkaConfig().timeout)
    topics = Topics(kafka.topic_prefix)
    engine = PostgresEngine(postgres, "deltawire_chaos")
    await engine.clear()
    async with AsyncExitStack() as stack:
        stack.callback(broker.kill)
        await asyncio.to_thread(broker.start)
        config = configuration(await stack.enter_async_context(press(truth)), broker, kafka, engine, interval)
        deployment = await stack.enter_async_context(deployed(folder, config))
        status, out, err = await deployment.command("topics", "apply")
        assert status == 0, (out, err)
        log = await KafkaLog.open(broker.address, topics, kafka)
        stack.push_async_callback(log.close)
        members = await stack.enter_async_context(fleet(folder))
        place = Town(truth, members, log, topics, engine, back_within)
        tasks = [asyncio.create_task(place.witness())]
        tasks += [asyncio.create_task(place.publish(publisher)) for publisher in truth.values()]
        try:
            await place.back_to_work()
            yield place, broker
            for task in tasks[1:]:
                task.cancel()
            await place.back_to_work()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        # Pollers go on telling that a page stands still: what is judged must stand still too.
        await stopped([member for member in members if member.kind == "poller"], back_within / 3)
        await place.judge(folder)
        await stopped([member for member in members if member.kind != "poller"], back_within / 3)


async def stopped(members: Sequence[Member], within: float) -> None:
    """All of these stopped, cleanly and in time."""
    started = time.monotonic()
    assert await asyncio.gather(*(member.stop() for member in members)) == [0] * len(members)
    assert time.monotonic() - started < within


def ended_by_themselves(members: Sequence[Member]) -> list[str]:
    """Services that had begun to work and then gave up, though whatever they need came back."""
    return [
        f"{member.name}: {line}"
        for member in members
        for line in member.log_lines()
        if line["event"] in ("service.ended", "service.stuck", "poller.defect")
    ]


@pytest.mark.timeout(900)
async def test_one_of_each_killed_and_the_broker_killed_leave_no_trace(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    rng = random.Random(31)
    async with town(tmp_path, postgres, 31, each=1, interval=0.1, back_within=PATIENCE) as (place, broker):
        nemesis = Nemesis(rng, place.members, broker, postgres, place.unsettle)
        poller, *others = place.members[: len(NAMES)]
        await place.progress(4)
        # What is behind the pollers fails while there are changes; then their source of looks, and the broker.
        faults = [nemesis.kill(member, rng.uniform(0, 2.5), rng.uniform(0, 2)) for member in others]
        faults += [nemesis.kill(poller, 3, 1), nemesis.broker(3.5, 0.5, rough=True)]
        await place.suffer(faults)
        await place.progress(4)
    assert [member.statuses[0] for member in place.members[: len(NAMES)]] == [-signal.SIGKILL] * len(NAMES)
    assert len(place.entry_events) == len(FORMATS)
    assert place.entry_events.total() > 60
    assert ended_by_themselves(place.members) == []


@pytest.mark.chaos
@pytest.mark.timeout(CHAOS_S + 300)
async def test_for_minutes_anything_fails_at_any_moment(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("DELTAWIRE_SEED") or time.time_ns() // 1_000_000 % 1_000_000)
    with capsys.disabled():
        print(f"\nDELTAWIRE_SEED={seed} DELTAWIRE_CHAOS_S={CHAOS_S:g}; logs and history in {tmp_path}", flush=True)
    rng = random.Random(seed)
    async with town(tmp_path, postgres, seed, each=2, interval=0.3, back_within=BACK_WITHIN) as (place, broker):
        nemesis = Nemesis(rng, place.members, broker, postgres, place.unsettle)
        end = time.monotonic() + CHAOS_S
        try:
            while time.monotonic() < end:
                await place.suffer(nemesis.burst())
                await asyncio.sleep(rng.uniform(0.5, 3))
        finally:
            with capsys.disabled():
                print(*nemesis.done, sep="\n")
                print({kind: round(took, 1) for kind, took in place.worst.items()}, place.entry_events.total())
    assert ended_by_themselves(place.members) == []
