"""The differ on a log at its worst: every event exactly once, in order, whatever is taken away or left unknown."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from deltawire import telemetry
from deltawire.differ import memory, service
from deltawire.differ.state import Policy
from deltawire.entries import decode as decode_entry
from deltawire.events import decode
from deltawire.log import workers
from deltawire.log.port import Outgoing, Record, snapshot
from deltawire.log.topics import Topics
from deltawire.model import Retired
from deltawire.press.chance import Publisher
from deltawire.press.truth import compare
from support.flaky_log import FlakyLog
from support.looks import Looks
from support.waiting import eventually, running

TOPICS = Topics("test")


async def everything(log: FlakyLog, topic: str) -> list[Record]:
    return [record async for record in snapshot(log.inner, topic)]


@pytest.fixture
async def publishers() -> dict[str, Publisher]:
    return {f"blog-{seed}": Publisher(seed, "guardian" if seed % 2 else "atom", noisy=True) for seed in range(6)}


@pytest.fixture(params=range(3))
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FlakyLog]:
    log = await FlakyLog.open(tmp_path / "log.db", TOPICS, seed=request.param, revoke_rate=0.01)
    yield log
    await log.inner.close()


async def test_two_differs_on_a_log_at_its_worst_say_everything_once(
    log: FlakyLog, publishers: dict[str, Publisher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(workers, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(service, "BATCH", 7)
    for name, publisher in publishers.items():
        await log.inner.append(await Looks(TOPICS, name, publisher).records(25))
    ends = {p: end for p, (_, end) in (await log.inner.bounds(TOPICS.observations)).items()}

    async def caught_up() -> bool:
        position = dict.fromkeys(ends, 0)
        for record in await everything(log, TOPICS.differ_state):
            if record.key == memory.POSITION and record.value is not None:
                position[record.partition] = msgspec.json.decode(record.value)
        # The last offset of a partition is a hole: what is read ends before it.
        return all(position[p] >= end - 1 for p, end in ends.items() if end)

    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(running(service.run(log, TOPICS, "urn:test", Policy())))
        await eventually(caught_up, seconds=120)
    written = await everything(log, TOPICS.events)
    events = [json.loads(decode(record.headers, record.value).structured()) for record in written]
    for name, publisher in publishers.items():
        report = compare(publisher.facts, events, feed=name)
        assert report.ok, f"{name}: {report}"
    last = {e["subject"]: e for e in events if e["type"].startswith("deltawire.entry.")}
    kept = {r.key: decode_entry(r.value) for r in await everything(log, TOPICS.entries) if r.value is not None}
    assert {k: e.event_id for k, e in kept.items()} == {f"{e['partitionkey']}/{s}": e["id"] for s, e in last.items()}
    assert {e.entry.id for e in kept.values() if e.removed_at} == {
        s for s, e in last.items() if e["type"].endswith("removed")
    }


async def test_what_is_no_observation_goes_to_the_dead_letters_and_is_counted(tmp_path: Path) -> None:
    log = await FlakyLog.open(tmp_path / "log.db", TOPICS, seed=1, unknown_rate=0, revoke_rate=0, short_poll_rate=0)
    before = telemetry.dead_letters.labels("differ", "ValidationError")._value.get()
    publisher = Publisher(1, "guardian")
    bad = Outgoing(topic=TOPICS.observations, key="blog", value=b'{"kind":"rumour"}', headers={"x": "1"})
    good = await Looks(TOPICS, "blog", publisher).records(0)
    await log.inner.append([bad, *good])
    async with running(service.run(log, TOPICS, "urn:test", Policy())):

        async def counted() -> bool:
            # After it was written.
            return bool(telemetry.dead_letters.labels("differ", "ValidationError")._value.get() == before + 1)

        await eventually(counted)
    assert await everything(log, TOPICS.events)
    (letter,) = await everything(log, TOPICS.dead_letters)
    assert (letter.key, letter.value, letter.headers["x"]) == ("blog", b'{"kind":"rumour"}', "1")
    assert letter.headers["dlq.topic"] == TOPICS.observations
    assert "rumour" in letter.headers["dlq.error.message"]
    await log.inner.close()


async def test_a_removed_feed_leaves_tombstones_only(tmp_path: Path) -> None:
    log = await FlakyLog.open(tmp_path / "log.db", TOPICS, seed=1, unknown_rate=0, revoke_rate=0, short_poll_rate=0)
    looks = Looks(TOPICS, "blog", Publisher(1, "guardian"))
    records = await looks.records(0)
    later = looks.now + timedelta(seconds=5)
    retired = Retired(poll_id="0" * 32, feed=looks.feed, poller="p", began_at=later, fetched_at=later, cause="removed")
    await log.inner.append(
        [*records, Outgoing(topic=TOPICS.observations, key="blog", value=msgspec.json.encode(retired))]
    )
    async with running(service.run(log, TOPICS, "urn:test", Policy())):

        async def ended() -> bool:
            return any(r.headers["ce_type"].endswith("feed.ended") for r in await everything(log, TOPICS.events))

        await eventually(ended)
    for topic in (TOPICS.entries, TOPICS.differ_state):
        latest = {r.key: r.value for r in await everything(log, topic) if r.key != memory.POSITION}
        assert latest
        assert set(latest.values()) == {None}
    await log.inner.close()


def test_no_type_is_first_resolved_where_partitions_run_side_by_side() -> None:
    # msgspec 0.22 takes a type that another thread is still resolving for a resolved one, and crashes the process. What
    # is resolved at import (a Decoder) or built by its constructor is safe.
    package = Path(service.__file__).parent
    modules = [*package.glob("*.py"), *(package.parent / "formats").glob("*.py")]
    assert len(modules) > 50
    lazy = re.compile(r"msgspec\.(convert|(json|msgpack|yaml|toml)\.decode)\(")
    assert [module.name for module in modules if lazy.search(module.read_text())] == []
