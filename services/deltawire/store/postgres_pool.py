"""Connections to PostgreSQL: transactions with a deadline on every wait, and errors as sentences.

A transaction that fails in any way takes its connection with it: the server then rolls back by itself, and
nothing has to be asked of a server that may not answer. The next one connects anew.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from deltawire import telemetry
from deltawire.store.port import StoreError, StoreUnreachable

T = TypeVar("T")
Work = Callable[[PoolConnectionProxy], Awaitable[T]]

CONNECTIONS = 10
CONNECT_S = 5.0
LOCK_S = 10.0
STATEMENT_S = 12.0
ANSWER_S = 15.0
"""The server gives up waiting for a lock after LOCK_S, a statement after STATEMENT_S; a server that gives no
answer at all is given up after ANSWER_S."""

TRANSACTION_S = 60.0
CLOSE_S = 3.0
TRIES = 5
"""Attempts at a transaction that PostgreSQL chose as the victim of a deadlock or of a serialisation conflict."""

_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class Pool:
    """``name`` is what messages call the database: its URL without credentials."""

    def __init__(self, url: str, pool: asyncpg.Pool) -> None:
        self.name = telemetry.redact(url)
        self._pool = pool

    @classmethod
    async def open(cls, url: str) -> Pool:
        """A pool that connects when it is first used."""
        pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=CONNECTIONS,
            init=_prepare,
            reset=_leave,
            timeout=CONNECT_S,
            command_timeout=ANSWER_S,
            server_settings={
                "application_name": "deltawire",
                "timezone": "UTC",
                "datestyle": "ISO, YMD",
                "statement_timeout": f"{STATEMENT_S * 1000:.0f}ms",
                "lock_timeout": f"{LOCK_S * 1000:.0f}ms",
                # Of a machine that is gone without a word nothing else would free the locks.
                "idle_in_transaction_session_timeout": f"{TRANSACTION_S * 1000:.0f}ms",
                "tcp_keepalives_idle": "30",
                "tcp_keepalives_interval": "10",
                "tcp_keepalives_count": "3",
            },
        )
        return cls(url, await pool)

    async def close(self) -> None:
        """Finish what was begun, within CLOSE_S."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._pool.close()
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._pool.terminate()

    async def run(self, work: Work[T], *, within: float = TRANSACTION_S) -> T:
        """Do the work in a transaction; it may be done several times, of which one is committed.

        Raises:
            StoreUnreachable: the server does not answer. It was not done, or nobody knows: the connection broke at
                the commit.
            StoreError: it was not done.
        """
        for attempt in range(1, TRIES + 1):
            try:
                async with asyncio.timeout(within):
                    return await self._once(work)
            except _AGAIN as error:
                if attempt == TRIES:
                    raise self._failure(error) from None
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 no secret
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
                raise self._failure(error) from None
        raise AssertionError

    async def _once(self, work: Work[T]) -> T:
        connection = await self._pool.acquire(timeout=TRANSACTION_S)
        try:
            transaction = connection.transaction(isolation="read_committed")
            await transaction.start()
            try:
                result = await work(connection)
            except StoreError:
                await transaction.rollback()
                raise
            await transaction.commit()
        except BaseException as error:
            if not isinstance(error, StoreError):
                connection.terminate()
            raise
        finally:
            await self._pool.release(connection, timeout=CLOSE_S)
        return result

    def _failure(self, error: BaseException) -> StoreError:
        """What went wrong and the mend; never a value, since values are content."""
        code = getattr(error, "sqlstate", None) or ""
        kind = type(error).__name__
        match code[:2]:
            case "28":
                return StoreError(f"the store {self.name} refuses the user or the password ({kind}): check store.url")
            case "3D":
                database = urlsplit(self.name).path.lstrip("/")
                return StoreError(f"the store {self.name}: there is no such database; create it: createdb {database}")
            case "22":
                return self._unstorable(kind)
            case "54":
                return self._unstorable(_message(error))
            case "08" | "57" | "":
                if isinstance(error, asyncpg.exceptions.ClientConfigurationError):
                    return StoreError("store.url cannot be read: write postgresql://user:password@host:port/database")
                if isinstance(error, ValueError):  # the driver's own: a value that no type of the server can have
                    return self._unstorable(kind)
                return StoreUnreachable(f"the store {self.name} does not answer ({kind}): is PostgreSQL running there?")
            case _:
                mend = "; grant its user CREATE on the database" if code == "42501" else ""
                return StoreError(f"the store {self.name}: {_message(error)} ({kind}){mend}")

    def _unstorable(self, why: str) -> StoreError:
        return StoreError(f"the store {self.name} cannot hold what it was given ({why}); nothing of it was written")


def _message(error: BaseException) -> str:
    """The server's first line, without the detail that may quote a row."""
    return str(getattr(error, "message", None) or type(error).__name__)


async def _prepare(connection: asyncpg.Connection) -> None:
    """Times travel as the texts that rows are made of."""
    await connection.set_type_codec("timestamptz", schema="pg_catalog", encoder=str, decoder=str, format="text")


async def _leave(connection: asyncpg.Connection) -> None:
    """No state is ever left on a connection, so that the usual reset would only cost a round trip."""
