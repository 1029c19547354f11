"""Five processes on a real Kafka broker: exactly the right events, also when processes are killed."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from deltawire.config import KafkaConfig
from e2e.deployment import DEADLINE, press
from e2e.services import NAMES, on_kafka, services
from e2e.test_exact import agreement, publishers, step_all, the_store_to_be_the_fold
from support.broker import Broker
from support.kafka_log import settings

USUAL = KafkaConfig().timeout
"""What is killed or cut off is given up after so long; the tests' own patience would be waited out."""


@pytest.mark.timeout(900)
async def test_five_processes_say_exactly_what_was_published(kafka: Broker, tmp_path: Path) -> None:
    truth = publishers(seed=17)
    async with (
        press(truth) as config,
        services(tmp_path, on_kafka(config, kafka, settings())) as (deployment, running),
    ):
        await asyncio.wait_for(step_all(truth, 25), 480)
        events = await agreement(deployment, truth)
        await the_store_to_be_the_fold(deployment, events)
        assert len(events) > 75
        assert await asyncio.gather(*(service.stop() for service in running)) == [0] * len(NAMES)
    assert [line for line in deployment.log_lines() if line["level"] in ("warning", "error")] == []


@pytest.mark.timeout(900)
async def test_services_killed_at_any_moment_go_on_as_if_nothing_had_happened(kafka: Broker, tmp_path: Path) -> None:
    truth = publishers(seed=23)
    rng = random.Random(23)
    async with (
        press(truth) as config,
        services(
            tmp_path, on_kafka(config, kafka, settings(timeout=USUAL)), ["poller", "differ", "differ", "storage"]
        ) as (
            deployment,
            running,
        ),
    ):
        stepping = asyncio.create_task(step_all(truth, 20))
        for service in running:
            # The moment of the kill is the point here; it is drawn, not waited for.
            await asyncio.wait({stepping}, timeout=rng.uniform(1, 3))
            await service.kill()
            await service.start()
            for publisher in truth.values():
                publisher.looks = 0
        await asyncio.wait_for(stepping, 480)
        events = await agreement(deployment, truth)
        await the_store_to_be_the_fold(deployment, events)
        assert len(events) > 60
        assert await asyncio.gather(*(service.stop() for service in running)) == [0] * len(running)


@pytest.mark.timeout(900)
async def test_with_the_broker_dead_every_service_stops_cleanly_and_in_time(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "kafka", heap="256m")
    await asyncio.to_thread(broker.start)
    truth = {"rss": publishers(seed=5)["rss"]}
    try:
        async with (
            press(truth) as config,
            services(tmp_path, on_kafka(config, broker, settings(timeout=USUAL))) as (deployment, running),
        ):
            await asyncio.wait_for(step_all(truth, 3), DEADLINE)
            await agreement(deployment, truth)
            await asyncio.to_thread(broker.kill)
            loop = asyncio.get_running_loop()
            told = loop.time()
            assert await asyncio.gather(*(service.stop() for service in running)) == [0] * len(NAMES)
            # Ten on a machine of its own; a service that waits for the broker does so for a minute.
            assert loop.time() - told < 45
    finally:
        broker.stop()
