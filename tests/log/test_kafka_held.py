"""A transaction that a killed process left open: readers stand still until Kafka undoes it, and say why."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from structlog.testing import capture_logs

from deltawire import telemetry
from deltawire.log import kafka_reader
from deltawire.log.kafka import KafkaLog
from deltawire.log.kafka_held import Hold, Holds, Mark, advance
from deltawire.log.port import Record
from log.contract import DEADLINE, out
from support.broker import Broker
from support.kafka_log import create, settings
from support.kafka_proxy import END_TXN, KafkaProxy

TOLD_AFTER = 0.5


def test_a_hold_begins_with_a_hidden_record_and_lasts_while_the_stable_offset_stands() -> None:
    assert advance(None, Mark(stable=7, end=7, at=1.0)) is None
    assert advance(None, Mark(stable=-1, end=7, at=1.0)) is None  # a broker that does not say
    hold = advance(None, Mark(stable=5, end=7, at=1.0))
    assert hold == Hold(stable=5, hidden=2, since=1.0, until=1.0)
    assert advance(hold, Mark(stable=5, end=9, at=4.0)) == Hold(stable=5, hidden=4, since=1.0, until=4.0)
    assert advance(hold, Mark(stable=6, end=9, at=4.0)) == Hold(stable=6, hidden=3, since=4.0, until=4.0)
    assert advance(hold, Mark(stable=9, end=9, at=4.0)) is None


def gauge(topic: str) -> float:
    labels = {"topic": topic, "partition": "0"}
    return telemetry.registry.get_sample_value("deltawire_log_open_transaction_seconds", labels) or 0.0


class Seen(NamedTuple):
    """``highest`` is the gauge while the reader waited."""

    records: list[Record]
    lines: list[MutableMapping[str, Any]]
    highest: float


async def held_back(kafka: Broker, patience: float) -> Seen:
    """A process is killed in the middle of a commit that Kafka undoes after about ``patience`` seconds."""
    topics = await create(kafka, config := settings())
    log = await KafkaLog.open(kafka.address, topics, config)
    async with KafkaProxy(kafka) as proxy:
        last = proxy.rule("hold request", lambda r: r.api == END_TXN)
        doomed = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "log.doomed_writer", proxy.address, topics.prefix, str(patience)),
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        try:
            async with asyncio.timeout(DEADLINE):
                await last.caught_one()
        finally:
            doomed.kill()
            await doomed.wait()
        await log.append([out(topics.events, "k", b"whole", partition=0)])
        reader = await log.reader(topics.events, {0: 0})
        reader._holds = Holds(topics.events, TOLD_AFTER)
        with capture_logs() as logs:
            highest = 0.0
            # Where nobody asks Kafka for less, it waits a minute.
            async with asyncio.timeout(patience + 40):
                while not (records := await reader.poll(timeout=0.1)):
                    highest = max(highest, gauge(topics.events))
    assert gauge(topics.events) == 0
    await log.close()
    return Seen(records, [line for line in logs if line["event"] == "log.open_transaction"], highest)


async def test_what_a_killed_process_left_open_holds_readers_back_for_a_while_and_says_so(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_reader, "IDLE_MS", 100)
    for patience in (2.5, 20.0):
        seen = await held_back(kafka, patience)
        assert [r.value for r in seen.records] == [b"whole"]
        if seen.lines:
            break  # else the machine is so slow that Kafka had undone it before the reader was there
    told, ended = seen.lines
    assert (told["log_level"], told["partition"], told["offset"]) == ("warning", 0, 0)
    assert told["hidden"] >= 2
    assert (ended["log_level"], ended["outcome"]) == ("info", "ended")
    assert seen.highest >= TOLD_AFTER
