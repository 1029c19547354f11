"""Services that start before what they need: they wait, and say so; what waiting cannot mend ends them at once."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import orjson

from e2e.deployment import COMMAND, DEADLINE, HEAD
from e2e.services import on_kafka
from support.broker import Broker
from support.kafka_log import create, settings
from support.ports import free_port
from support.postgres import PASSWORD, URL_PASSWORD, PostgresServer
from support.stores import PostgresEngine


class Door:
    """An address where nobody listens, until it is opened and leads to another."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server: asyncio.Server | None = None

    async def open(self, port: int) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with closing(writer):
                there, back = await asyncio.open_connection("127.0.0.1", port)
                with closing(back):
                    await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))

        self._server = await asyncio.start_server(serve, "127.0.0.1", self.port)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


class Started:
    """A command that runs, and what it has said."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def line(self, event: str) -> dict[str, Any]:
        """The next log line of that event."""
        assert self.process.stderr is not None
        async with asyncio.timeout(DEADLINE):
            async for raw in self.process.stderr:
                self.said.append(raw.decode())
                if raw.startswith(b"{") and (line := orjson.loads(raw))["event"] == event:
                    return dict(line)
        raise AssertionError(f"it ended without {event}: {self.said}")

    async def ended(self) -> int:
        assert self.process.stderr is not None
        async with asyncio.timeout(DEADLINE):
            async for raw in self.process.stderr:
                self.said.append(raw.decode())
            return await self.process.wait()

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    def warned(self) -> bool:
        return any("unreachable" in line for line in self.said)


@asynccontextmanager
async def started(folder: Path, config: str, *arguments: str, **variables: str) -> AsyncIterator[Started]:
    (folder / "deltawire.toml").write_text(config, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **variables},
    )
    try:
        yield Started(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_service_that_starts_before_kafka_waits_and_then_works(kafka: Broker, tmp_path: Path) -> None:
    door = Door()
    config = settings()
    await create(kafka, config)
    text = on_kafka(HEAD, kafka, config).replace(kafka.address, f"127.0.0.1:{door.port}")
    with closing(door):
        async with started(tmp_path, text, "differ") as differ:
            warning = await differ.line("log.unreachable")
            assert (warning["level"], warning["outcome"], warning["gives_up_after_s"]) == ("warning", "waiting", 60)
            assert f"Kafka at 127.0.0.1:{door.port} cannot be reached" in warning["error"]
            assert "log.url" in warning["what_to_do"]
            await door.open(kafka.port)
            await differ.line("log.reached")
            await differ.line("group.assigned")
            assert await differ.stop() == 0


async def test_run_waits_for_its_store(postgres: PostgresServer, tmp_path: Path) -> None:
    door = Door()
    engine = PostgresEngine(postgres)
    await engine.clear()
    url = engine.url.replace(str(postgres.port), str(door.port))
    with closing(door):
        async with started(tmp_path, HEAD.replace("sqlite:///store.db", url), "run") as run:
            warning = await run.line("store.unreachable")
            assert f"127.0.0.1:{door.port}/{engine.database} does not answer" in warning["error"]
            await door.open(postgres.port)
            await run.line("store.reached")
            await run.line("gateway.started")
            assert await run.stop() == 0
    assert not any(secret in line for line in run.said for secret in (PASSWORD, URL_PASSWORD))


async def test_a_stop_while_it_waits_is_clean(tmp_path: Path) -> None:
    text = HEAD.replace("sqlite:///log.db", f"kafka://127.0.0.1:{Door().port}")
    async with started(tmp_path, text, "poller") as poller:
        await poller.line("log.unreachable")
        assert await poller.stop() == 0
    assert not any("Traceback" in line for line in poller.said)
    assert orjson.loads(poller.said[-1])["event"] == "run.stopped"


async def test_who_has_waited_long_enough_ends_with_one_sentence(tmp_path: Path) -> None:
    address = f"127.0.0.1:{Door().port}"
    text = HEAD.replace("sqlite:///log.db", f"kafka://{address}") + "[ops]\nstart_timeout = 0.3\n"
    async with started(tmp_path, text, "gateway") as gateway:
        assert await gateway.ended() == 1
    # How long one attempt takes is the machine's affair.
    assert re.sub(r"waited \d+ s", "waited 0 s", gateway.said[-1]) == (
        f"deltawire gateway: cannot look at the topics: Kafka at {address} cannot be reached; "
        "is it running, and is the address right? (waited 0 s for it; ops.start_timeout is 0.3)\n"
    )


async def test_what_waiting_cannot_mend_ends_a_service_at_once(
    kafka: Broker, postgres: PostgresServer, tmp_path: Path
) -> None:
    assert kafka.guarded_address is not None
    guarded = HEAD.replace("sqlite:///log.db", f"kafka://{kafka.guarded_address}")
    login = '[kafka]\nsecurity_protocol = "SASL_PLAINTEXT"\nsasl_mechanism = "PLAIN"\nsasl_username = "deltawire"\n'
    store = PostgresEngine(postgres).url
    wrong = {
        "refuses the login": ("differ", guarded + login + 'sasl_password = "wrong"\n'),
        "is missing": ("differ", on_kafka(HEAD, kafka, settings())),
        "the user or the password": ("run", HEAD.replace("sqlite:///store.db", store.replace(URL_PASSWORD, "wrong"))),
    }
    for sentence, (command, text) in wrong.items():
        async with started(tmp_path, text, command) as service:
            assert await service.ended() == 1
        assert sentence in service.said[-1]
        assert not service.warned()
