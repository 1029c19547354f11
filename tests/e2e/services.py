"""The services as processes of their own, on one Kafka log."""

from __future__ import annotations

import asyncio
import functools
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from deltawire.config import KafkaConfig
from e2e.deployment import COMMAND, DEADLINE, Deployment, deployed, minds_sigterm
from support.broker import Broker
from support.waiting import eventually

NAMES = ("poller", "differ", "storage", "alerting", "gateway")


class Service:
    """One process; it can be killed and started again. Its log lines are those of the deployment."""

    def __init__(self, deployment: Deployment, name: str) -> None:
        self.name = name
        self.process: Process | None = None
        self._folder = deployment.folder

    async def start(self) -> None:
        with (self._folder / "run.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(COMMAND, self.name, cwd=self._folder, stderr=log)

    async def stop(self) -> int:
        """SIGTERM, once it has begun to mind that; returns the exit status."""
        assert self.process is not None
        await eventually(functools.partial(minds_sigterm, self.process.pid))
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        status = await asyncio.wait_for(self.process.wait(), DEADLINE)
        self.process = None
        return status


def on_kafka(config: str, broker: Broker, kafka: KafkaConfig) -> str:
    """A deployment's configuration with its log on the broker."""
    log = f'[kafka]\ntopic_prefix = "{kafka.topic_prefix}"\npartitions = {kafka.partitions}\nreplication_factor = 1\n'
    log += f"timeout = {kafka.timeout}\n"
    return log + config.replace('"sqlite:///log.db"', f'"kafka://{broker.address}"')


@asynccontextmanager
async def services(
    folder: Path, config: str, names: Sequence[str] = NAMES
) -> AsyncIterator[tuple[Deployment, list[Service]]]:
    """Make the topics, and run the named services, each as often as it is named."""
    async with deployed(folder, config) as deployment:
        status, out, err = await deployment.command("topics", "apply")
        assert status == 0, (out, err)
        running = [Service(deployment, name) for name in names]
        try:
            for service in running:
                await service.start()
            yield deployment, running
        finally:
            statuses = {service.name: service.process.returncode for service in running if service.process is not None}
            for service in running:
                if service.process is not None:
                    await service.kill()
            assert not any(statuses.values()), f"a service ended by itself: {statuses}"
