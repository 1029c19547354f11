"""docker-compose.yml without an engine: its services run as it says, on a real broker and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from asyncio.subprocess import Process
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from e2e.deployment import COMMAND, DEADLINE
from support.broker import CLUSTER_ID, Broker, find, resolve
from support.kafka_log import settings
from support.ports import free_port
from support.postgres import PostgresServer, binary
from support.stores import PostgresEngine
from support.waiting import eventually

ROOT = Path(__file__).parents[2]
CONFIG = "/etc/deltawire/deltawire.toml"
OWN_FILE = "./deltawire.toml"
"""What users of the one-container form bring themselves."""


def composed() -> dict[str, Any]:
    """The file with its variables at their defaults."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))
    return loaded


SERVICES: dict[str, Any] = composed()["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
ON_KAFKA = [name for name in OURS if name not in ("topics", "deltawire")]


def mounts(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Source and target of each."""
    for mount in service.get("volumes", ()):
        if isinstance(mount, str):
            source, target = mount.split(":")[:2]
            yield source, target
        else:
            yield mount["source"], mount["target"]


def java(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [find("java"), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{resolve()}/*"]
    command += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=off", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)


def test_every_file_that_is_named_exists() -> None:
    declared = set(composed()["volumes"])
    for service in SERVICES.values():
        for source, _ in mounts(service):
            assert source in declared or source == OWN_FILE or (ROOT / source).is_file()
    for service in OURS.values():
        dockerfile = ROOT / service["build"]["context"] / service["build"]["dockerfile"]
        for line in dockerfile.read_text(encoding="utf-8").splitlines():
            if line.startswith("COPY ") and "--from" not in line:
                assert all((ROOT / source).exists() for source in shlex.split(line)[1:-1])


def test_services_wait_for_what_can_come_true() -> None:
    conditions = {
        (name, needed, waits["condition"])
        for name, service in SERVICES.items()
        for needed, waits in service.get("depends_on", {}).items()
    }
    for _, needed, condition in conditions:
        if condition == "service_healthy":
            assert "test" in SERVICES[needed]["healthcheck"]
        else:
            assert (condition, SERVICES[needed]["restart"]) == ("service_completed_successfully", "no")
    assert {name for name, needed, _ in conditions if needed == "topics"} == set(ON_KAFKA)
    assert {name for name, needed, _ in conditions if needed == "postgres"} == {"storage", "alerting", "gateway"}
    assert ("topics", "kafka", "service_healthy") in conditions


def test_what_needs_no_kafka_starts_only_when_it_is_asked_for() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        "deltawire": ["embedded"]
    }


@pytest.mark.parametrize("name", OURS)
def test_the_configuration_of_each_service_is_right(name: str, tmp_path: Path) -> None:
    service = OURS[name]
    sources = {target: source for source, target in mounts(service)}
    if sources[CONFIG] != OWN_FILE:
        shutil.copy(ROOT / sources[CONFIG], tmp_path / "deltawire.toml")
        assert service["working_dir"] == str(Path(CONFIG).parent)
    command = [COMMAND, "config", "check"]
    checked = subprocess.run(command, cwd=tmp_path, env=os.environ | service["environment"], capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, b"")


def test_the_configuration_names_the_services_and_what_they_listen_to() -> None:
    config = tomllib.loads((ROOT / "deploy/deltawire.toml").read_text(encoding="utf-8"))
    kafka, postgres = urlsplit(config["log"]["url"]), urlsplit(config["store"]["url"])
    environment = SERVICES["kafka"]["environment"]
    assert f"PLAINTEXT://{kafka.netloc}" in environment["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"PLAINTEXT://:{kafka.port}" in environment["KAFKA_LISTENERS"].split(",")
    environment = SERVICES[str(postgres.hostname)]["environment"]
    assert (postgres.username, postgres.path) == (environment["POSTGRES_USER"], f"/{environment['POSTGRES_DB']}")
    assert postgres.password == "${POSTGRES_PASSWORD}"
    assert {OURS[name]["environment"]["POSTGRES_PASSWORD"] for name in ON_KAFKA} == {environment["POSTGRES_PASSWORD"]}
    for name in ON_KAFKA:
        assert f":{config['ops']['port']}/" in " ".join(OURS[name]["healthcheck"]["test"])


def test_kafka_takes_its_settings(tmp_path: Path) -> None:
    environment: dict[str, str] = dict(SERVICES["kafka"]["environment"])
    cluster = environment.pop("CLUSTER_ID")
    assert len(cluster) == len(CLUSTER_ID)
    # The image's own rule; none of our names has an underscore or a hyphen.
    properties = {name.removeprefix("KAFKA_").lower().replace("_", "."): v for name, v in environment.items()}
    known = set(re.findall(r'id="brokerconfigs_([^"]+)"', java("kafka.server.KafkaConfig").stdout))
    assert len(known) > 100
    assert set(properties) <= known
    assert properties["log.dirs"] in [target for _, target in mounts(SERVICES["kafka"])]
    file = tmp_path / "server.properties"
    properties["log.dirs"] = str(tmp_path / "data")
    file.write_text("\n".join(f"{name}={value}" for name, value in properties.items()), encoding="utf-8")
    formatted = java("kafka.tools.StorageTool", "format", "--cluster-id", cluster, "--config", str(file))
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr


async def succeeds(command: Sequence[str], environment: Mapping[str, str] = {}) -> bool:
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    return await asyncio.wait_for(process.wait(), DEADLINE) == 0


def health_check(name: str) -> list[str]:
    kind: str
    command: list[str]
    kind, *command = SERVICES[name]["healthcheck"]["test"]
    assert kind == "CMD"
    return command


def test_the_health_check_of_kafka_passes_while_it_answers(kafka: Broker) -> None:
    script, *arguments = health_check("kafka")
    assert script == "/opt/kafka/bin/kafka-broker-api-versions.sh"
    address = urlsplit(tomllib.loads((ROOT / "deploy/deltawire.toml").read_text())["log"]["url"]).netloc
    here = [kafka.address if word == address else word for word in arguments]
    assert here != arguments
    assert java("org.apache.kafka.tools.BrokerApiVersionsCommand", *here).returncode == 0


async def test_the_health_check_of_postgresql_tells_whether_it_answers(postgres: PostgresServer) -> None:
    program, *arguments = health_check("postgres")
    command = [binary(program), *arguments]
    assert await succeeds(command, {"PGPORT": str(postgres.port)})
    assert not await succeeds(command, {"PGPORT": str(free_port())})


class Container:
    """A service as the compose file starts it, but for addresses and ports."""

    def __init__(self, name: str, folder: Path, addresses: Mapping[str, str]) -> None:
        self.name = name
        self.process: Process | None = None
        self._folder = folder
        self._ops = free_port()
        self._environment = OURS[name]["environment"] | addresses | {"DELTAWIRE_OPS__PORT": str(self._ops)}

    async def start(self) -> Process:
        with (self._folder / f"{self.name}.log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                COMMAND,
                *OURS[self.name]["command"],
                cwd=self._folder,
                env=os.environ | self._environment,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
            )
        return self.process

    async def healthy(self) -> bool:
        if self.process is not None:
            assert self.process.returncode is None, (self._folder / f"{self.name}.log").read_text(encoding="utf-8")
        program, *arguments = health_check(self.name)
        assert program == "python"
        return await succeeds([sys.executable, *(word.replace(":9090/", f":{self._ops}/") for word in arguments)])

    async def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), DEADLINE)


async def test_the_services_run_as_composed_and_become_healthy(
    kafka: Broker, postgres: PostgresServer, tmp_path: Path
) -> None:
    engine = PostgresEngine(postgres)
    await engine.clear()
    shutil.copy(ROOT / "deploy/deltawire.toml", tmp_path)
    addresses = {
        "DELTAWIRE_LOG__URL": f"kafka://{kafka.address}",
        "DELTAWIRE_STORE__URL": engine.url,
        "DELTAWIRE_KAFKA__TOPIC_PREFIX": settings().topic_prefix,
        "DELTAWIRE_OPS__HOST": "127.0.0.1",
        "DELTAWIRE_GATEWAY__HOST": "127.0.0.1",
        "DELTAWIRE_GATEWAY__PORT": str(free_port()),
    }
    containers = [Container(name, tmp_path, addresses) for name in ON_KAFKA]
    try:
        topics = await Container("topics", tmp_path, addresses).start()
        assert await asyncio.wait_for(topics.wait(), DEADLINE) == 0
        for container in containers:
            assert not await container.healthy()
            await container.start()
        for container in containers:
            await eventually(container.healthy)
        assert [await container.stop() for container in containers] == [0] * len(containers)
    finally:
        for container in containers:
            if container.process is not None and container.process.returncode is None:
                container.process.kill()
                await container.process.wait()
