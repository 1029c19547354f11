"""A real single-node Apache Kafka (KRaft) without Docker: for ``make kafka``, and for the tests.

The jars come through Maven (deploy/kafka/pom.xml) into var/kafka/libs, once. Nothing else is installed.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from support.ports import free_port

ROOT = Path(__file__).parents[2]
POM = ROOT / "deploy/kafka/pom.xml"
VAR = ROOT / "var/kafka"
CLUSTER_ID = "deltawire-single-node-"
USER, PASSWORD = "deltawire", "of-the-tests"
START_WITHIN = 180.0
STOP_WITHIN = 20.0

# One node: every internal topic has one replica. The rest makes a broker on 2 cores start (also after a kill),
# rebalance and compact within moments, and changes nothing of what it promises. The quorum is static, because a
# dynamic one remembers its port.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listening}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
listener.security.protocol.map=\
  PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT,GUARDED:SASL_PLAINTEXT,SEALED:SASL_SSL
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=1
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.backoff.ms=200
log.cleaner.dedupe.buffer.size=2097152
log.initial.task.delay.ms=1000
"""

LOGIN = """\
listener.name.{name}.sasl.enabled.mechanisms=PLAIN
listener.name.{name}.plain.sasl.jaas.config=\
  org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
"""

SEAL = """\
listener.name.sealed.ssl.keystore.type=PEM
listener.name.sealed.ssl.keystore.location={keystore}
"""


class CannotStart(Exception):
    """The broker cannot run here; one sentence says why, and the mend."""


class Broker:
    """One broker on 127.0.0.1. It can be killed, stopped, paused and started again on the same data and ports.

    With ``doors`` it also listens

    * at ``guarded_address``, where it asks for ``USER`` and ``PASSWORD`` (SASL PLAIN);
    * at ``sealed_address``, the same within TLS, with the self-signed ``certificate`` (both null without openssl);
    * at ``behind_proxy``, where it says that it is at ``proxy_port``: clients that reach it through a proxy there stay
      with the proxy.
    """

    def __init__(self, folder: Path, *, port: int | None = None, heap: str = "384m", doors: bool = False) -> None:
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.guarded_address: str | None = None
        self.sealed_address: str | None = None
        self.certificate: Path | None = None
        self.behind_proxy: str | None = None
        self.proxy_port = 0
        if doors:
            self.guarded_address = f"127.0.0.1:{free_port()}"
            self.behind_proxy, self.proxy_port = f"127.0.0.1:{free_port()}", free_port()
            if shutil.which("openssl"):
                self.sealed_address, self.certificate = f"127.0.0.1:{free_port()}", folder / "certificate.pem"
        self._folder = folder
        self._heap = heap
        self._controller = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it answers a metadata call.

        Raises:
            CannotStart: Java, Maven or the port is missing, or the broker ended.
        """
        java = find("java")
        libs = resolve()
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "server.properties"
        data = self._folder / "data"
        config.write_text(self._properties(data), encoding="utf-8")
        if _is_taken(self.port):
            raise CannotStart(f"port {self.port} is taken by another program; choose one: KAFKA_PORT=9192 make kafka")
        command = [java, f"-Xmx{self._heap}", "-Xms96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        command += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{libs}/*"]
        with (self._folder / "broker.log").open("ab") as log:
            if not (data / "meta.properties").exists():
                format_ = ["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config", str(config)]
                if subprocess.run([*command, *format_], stdout=log, stderr=log, check=False).returncode:
                    raise CannotStart(f"the data folder {data} could not be formatted: see {log.name}")
            # A group of its own: Ctrl-C at the terminal is for us to pass on.
            self._process = subprocess.Popen(
                [*command, "kafka.Kafka", str(config)], stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait_for_an_answer()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """SIGTERM, as an operator stops it."""
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """SIGKILL: what is not on the disk yet stays in the page cache, as after a crash of the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def wait(self) -> None:
        """Return never: a broker does not end by itself.

        Raises:
            CannotStart: it did.
        """
        assert self._process is not None
        self._process.wait()
        raise CannotStart(f"Kafka ended by itself: see {self._folder / 'broker.log'}")

    def _properties(self, data: Path) -> str:
        doors, proxied, more = "", "", ""
        if self.behind_proxy:
            doors = f",GUARDED://{self.guarded_address}"
            more = LOGIN.format(name="guarded", user=USER, password=PASSWORD)
            proxied = f",PROXIED://127.0.0.1:{self.proxy_port}"
        if self.sealed_address and self.certificate:
            keystore = self._folder / "keystore.pem"
            self_signed(self.certificate, keystore)
            doors += f",SEALED://{self.sealed_address}"
            more += LOGIN.format(name="sealed", user=USER, password=PASSWORD) + SEAL.format(keystore=keystore)
        listening = f"{doors},PROXIED://{self.behind_proxy}" if self.behind_proxy else doors
        return (
            PROPERTIES.format(
                port=self.port,
                controller=self._controller,
                data=data,
                listening=listening,
                advertised=doors + proxied,
            )
            + more
        )

    def _wait_for_an_answer(self) -> None:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        deadline = time.monotonic() + START_WITHIN
        try:
            while not (_is_taken(self.port) and asyncio.run(_answers(self.address))):
                if self._process is None or self._process.poll() is not None:
                    raise CannotStart(f"Kafka ended while starting: see {self._folder / 'broker.log'}")
                if time.monotonic() > deadline:
                    raise CannotStart(f"Kafka did not answer in time: see {self._folder / 'broker.log'}")
                time.sleep(0.05)
        finally:
            logging.getLogger("aiokafka").setLevel(logging.NOTSET)


def resolve() -> Path:
    """The folder with the jars, which Maven fills when the pom changed.

    Raises:
        CannotStart: Maven is missing, or could not get them.
    """
    libs = VAR / "libs"
    libs.mkdir(parents=True, exist_ok=True)
    stamp = libs / ".pom"
    wanted = hashlib.sha256(POM.read_bytes()).hexdigest()
    with (VAR / "libs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            maven = find("mvn")
            shutil.rmtree(libs)
            command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
            command += ["-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode:
                raise CannotStart(f"Maven could not get Kafka's jars ({POM}):\n{result.stdout}{result.stderr}")
            stamp.write_text(wanted)
    return libs


def self_signed(certificate: Path, keystore: Path) -> None:
    """Make a key with a certificate for 127.0.0.1, as files: the certificate, and the key together with it."""
    key = keystore.with_suffix(".key")
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-days", "2", "-subj", "/CN=deltawire", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    keystore.write_bytes(key.read_bytes() + certificate.read_bytes())


def find(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise CannotStart(f"{program} is missing; on Debian: apt-get install default-jre-headless maven")
    return path


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def _answers(address: str) -> bool:
    client = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=5000)
    try:
        await client.start()
        return bool((await client.describe_cluster())["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()


def main() -> int:
    """``make kafka``: a broker in the foreground until SIGTERM or Ctrl-C. With ``--jars``: only get what it needs."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if sys.argv[1:] == ["--jars"]:
        try:
            find("java")
            resolve()
        except CannotStart as error:
            print(f"make: {error}", file=sys.stderr)
            return 1
        return 0
    broker = Broker(VAR / "node", port=int(os.environ.get("KAFKA_PORT") or 9092), heap="768m")
    with contextlib.suppress(KeyboardInterrupt):
        try:
            broker.start()
            print(f"Kafka answers at {broker.address}; its data is in {VAR / 'node'}; Ctrl-C stops it", flush=True)
            broker.wait()
        except CannotStart as error:
            print(f"make kafka: {error}", file=sys.stderr)
            return 1
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            broker.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
