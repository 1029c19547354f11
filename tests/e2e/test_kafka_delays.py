"""The differ on Kafka when the answers to its commits are lost: the log tells what happened, nothing is said twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deltawire.differ import service
from deltawire.log import workers
from deltawire.log.kafka import KafkaLog
from deltawire.press.truth import compare
from deltawire.store.sqlite import SqliteStore
from e2e.line import PARTITIONS, Line
from support.broker import Broker
from support.kafka_log import create, settings
from support.kafka_proxy import END_TXN, KafkaProxy
from support.waiting import eventually, running


async def test_a_differ_that_never_hears_how_its_commits_ended_says_everything_once(
    kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(workers, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(service, "BATCH", 10)
    rng = random.Random(9)
    config = settings(partitions=PARTITIONS)
    topics = await create(kafka, config)
    log = await KafkaLog.open(kafka.address, topics, config)
    line = Line(log, topics, await SqliteStore.open(tmp_path / "store.db"))
    await line.look(8)
    async with KafkaProxy(kafka) as proxy:
        through = await KafkaLog.open(proxy.address, topics, config)
        lost = proxy.rule("cut answer", lambda r: r.api == END_TXN and rng.random() < 0.5, count=1000)
        with capture_logs() as logs:
            async with running(line.differ(through)):
                await eventually(line.diffed)
        await through.close()
    assert len(lost.caught) >= 3
    assert sum(entry["event"] == "worker.failed" for entry in logs) >= 3
    events = await line.events()
    for name, looks in line.feeds.items():
        report = compare(looks.publisher.facts, events, feed=name)
        assert report.ok, f"{name}: {report}"
    await line.store.close()
    await log.close()
