"""A real PostgreSQL for the tests: a fresh cluster in a folder of its own, and the ways in which it can fail.

Nothing of it is shared with a PostgreSQL that may run on the machine. It listens on a free port of the loopback
interface, syncs to disk as the real one does, and can be killed, stopped and started again.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from support.ports import free_port

START_WITHIN = 180.0
PASSWORD = "quay pass/word"
URL_PASSWORD = "quay%20pass%2Fword"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "fsync": "on",
    "deadlock_timeout": "100ms",
    "autovacuum_naptime": "10s",
    "log_min_messages": "warning",
    "timezone": "Asia/Kolkata",  # no test may pass because the server happens to be in UTC
}


class NoPostgres(RuntimeError):
    """There is no PostgreSQL on this machine, or it cannot be started; one sentence says the mend."""


def binary(name: str) -> str:
    """The path of a PostgreSQL program: from the PATH, else the newest where Debian keeps them."""
    found = shutil.which(name)
    if found is not None:
        return found
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    if not versions:
        raise NoPostgres(f"the tests need PostgreSQL, but there is no {name}: make postgres (as root on Debian)")
    return str(versions[-1])


class PostgresServer:
    """One cluster. ``url(database)`` is what a configuration would name."""

    def __init__(self) -> None:
        self.port = free_port()
        # Not below pytest's folder: that is closed to the other user which PostgreSQL runs as.
        self._folder = Path(tempfile.mkdtemp(prefix="deltawire-pg-"))
        self._data = self._folder / "data"
        self._log = self._folder / "server.log"
        self._user: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped: list[int] = []
        if os.getuid() == 0:
            self._become_somebody()

    def _become_somebody(self) -> None:
        """PostgreSQL refuses to run as root."""
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                found = pwd.getpwnam(name)
                os.chown(self._folder, found.pw_uid, found.pw_gid)
                self._user = {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
                return
        raise NoPostgres("PostgreSQL does not run as root, and there is no user postgres or nobody: run as another")

    def create(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD + "\n", encoding="utf-8")
        password.chmod(0o644)
        options = ("-U", "deltawire", "-A", "password", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
        made = subprocess.run(
            [binary("initdb"), "-D", str(self._data), f"--pwfile={password}", *options],
            capture_output=True,
            text=True,
            cwd=self._folder,
            **self._user,
        )
        if made.returncode:
            raise NoPostgres(f"initdb failed: {made.stderr.strip()}")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        deadline = time.monotonic() + START_WITHIN
        while not self._started(deadline):
            # After a kill its orphans may still hold the shared memory for a moment.
            if time.monotonic() > deadline:
                raise NoPostgres(f"PostgreSQL did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def _started(self, deadline: float) -> bool:
        options = [argument for name, value in SETTINGS.items() for argument in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [binary("postgres"), "-D", str(self._data), "-k", str(self._folder), "-p", str(self.port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **self._user,
            )
        ready = [binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while self._process.poll() is None and time.monotonic() < deadline:
            if subprocess.run(ready).returncode == 0:
                return True
            time.sleep(0.02)
        return False

    def url(self, database: str = "postgres", *, password: str = URL_PASSWORD) -> str:
        return f"postgresql://deltawire:{password}@127.0.0.1:{self.port}/{database}"

    def _pids(self) -> list[int]:
        """The server and its children, itself first: children that it started meanwhile would else go unseen."""
        assert self._process is not None
        found = [self._process.pid]
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(stat.read_text().rpartition(")")[2].split()[1]) == self._process.pid:
                    found.append(int(stat.parent.name))
        return found

    def kill(self) -> None:
        """SIGKILL to all of it, as when the machine dies."""
        assert self._process is not None
        pids = self._pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """SIGINT, PostgreSQL's fast shutdown."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        self._process.wait(START_WITHIN)

    def restart(self) -> None:
        self.stop()
        self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP to all of it, SIGCONT at the end: its sockets stay open and nobody answers."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def freeze(self) -> None:
        # The server first, so that no child is born after the list was made.
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        self._stopped = self._pids()
        for pid in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._stopped = []

    @contextlib.contextmanager
    def small_disk(self, megabytes: int) -> Iterator[Path]:
        """A folder of the server's own on a disk of that size, for a tablespace. Needs the right to mount.

        Raises:
            PermissionError: the right is missing.
        """
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "deltawire-test", str(folder)]
        if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
            raise PermissionError("mounting a small disk needs root")
        try:
            os.chown(folder, self._user["user"], self._user["group"])
            yield folder
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)

    async def connect(self, database: str = "postgres") -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(self.url(database), timeout=60, server_settings={"search_path": "deltawire"})

    async def query(self, statement: str, *values: Any, database: str = "postgres") -> list[asyncpg.Record]:
        connection = await self.connect(database)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    async def terminate_backends(self, database: str) -> int:
        """``pg_terminate_backend`` on every connection to the database; how many there were."""
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
        return len(await self.query(statement, database))

    def remove(self) -> None:
        self.thaw()
        if self._process is not None and self._process.poll() is None:
            self.kill()  # nothing of it is kept, so nothing need be written
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        server.create()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL for all tests of the session; a test that harms it starts it again."""
    with postgres_server() as server:
        yield server
