"""One process owns a SQLite log. Others find it through the lock file, and hand it what they append.

``<log>.lock`` is locked (flock) by the owner for its whole life, so that a killed one leaves nothing behind that
matters, and holds a JSON object: the owner's pid, and the Unix socket that takes records from other processes
(null in one that only passes by to append). The socket lies in a directory of its own that nobody else may enter.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from deltawire.log.port import LogError, OutcomeUnknown, Outgoing

MAX_REQUEST = 256 * 1024 * 1024
REQUEST_TIMEOUT = 30.0
"""Seconds for one side to answer the other."""

PATIENCE = 5.0
"""Seconds to wait for a lock that another process holds only in passing."""

_DIRECTORY_PREFIX = "deltawire-log-"


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock, as written by itself."""

    pid: int
    socket: str | None


class Reply(msgspec.Struct, frozen=True):
    """The owner's answer. ``error`` is a sentence."""

    outcome: Literal["written", "refused", "unknown"]
    error: str = ""


_holder = msgspec.json.Decoder(Holder)
_reply = msgspec.msgpack.Decoder(Reply)
_request = msgspec.msgpack.Decoder(list[Outgoing])


_not_for_children: set[int] = set()


def _close_after_fork() -> None:
    """A forked child must not keep the lock, or the socket, of an owner that is killed."""
    for descriptor in _not_for_children:
        os.close(descriptor)


os.register_at_fork(after_in_child=_close_after_fork)


class InUse(LogError):
    """Another process owns the log."""


class Lock:
    """The lock on a log, held from ``acquire`` to ``release``."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        _not_for_children.add(descriptor)

    @classmethod
    async def acquire(cls, path: Path, *, patience: float = PATIENCE) -> Lock:
        """Take the lock; waits up to ``patience`` seconds for one that is held in passing or was just let go.

        Raises:
            InUse: another process owns the log.
            LogError: the lock file cannot be made.
        """
        file = lock_file(path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LogError(
                f"cannot make {error.filename} ({error.strerror}); mend its rights or give another [log] url"
            ) from error
        deadline = asyncio.get_running_loop().time() + patience
        try:
            while not _try_lock(descriptor):
                _refuse_lasting(path, impatient=asyncio.get_running_loop().time() > deadline)
                await asyncio.sleep(0.02)
        except BaseException:
            os.close(descriptor)
            raise
        lock = cls(descriptor)
        lock.sweep()
        lock.publish(None)
        return lock

    def publish(self, socket: str | None) -> None:
        self._write(msgspec.json.encode(Holder(os.getpid(), socket)))

    def sweep(self) -> None:
        """Remove the socket that a killed owner left."""
        holder = _decode(os.pread(self._descriptor, 4096, 0))
        if holder is not None and holder.socket is not None:
            _remove(Path(holder.socket))

    def release(self) -> None:
        self._write(b"")
        _not_for_children.discard(self._descriptor)
        os.close(self._descriptor)

    def _write(self, content: bytes) -> None:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, content, 0)


class Server:
    """Takes records from other processes on a Unix socket; answers when they are durable."""

    def __init__(self, append: Callable[[Sequence[Outgoing]], Awaitable[object]]) -> None:
        self._append = append
        self._connections: set[asyncio.Task[None]] = set()
        self._writing: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._descriptors: set[int] = set()
        self.socket = ""

    async def start(self) -> None:
        self.socket = str(Path(tempfile.mkdtemp(prefix=_DIRECTORY_PREFIX)) / "append.sock")
        self._server = await asyncio.start_unix_server(self._serve, self.socket)
        self._descriptors = {socket.fileno() for socket in self._server.sockets}
        _not_for_children.update(self._descriptors)

    async def close(self) -> None:
        """Takes no more requests; those that are being written are answered."""
        _not_for_children.difference_update(self._descriptors)
        if self._server is not None:
            self._server.close()
        for task in self._connections - self._writing:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
        _remove(Path(self.socket))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                records = _request.decode(await _receive(reader))
            self._writing.add(task)
            reply = await self._answer(records)
            await _send(writer, msgspec.msgpack.encode(reply))
        except (OSError, EOFError, TimeoutError, msgspec.MsgspecError):
            pass  # the other side went away or is none of ours: it sees the connection end
        finally:
            self._connections.discard(task)
            self._writing.discard(task)
            writer.close()

    async def _answer(self, records: list[Outgoing]) -> Reply:
        try:
            await self._append(records)
        except OutcomeUnknown as error:
            return Reply("unknown", str(error))
        except LogError as error:
            return Reply("refused", str(error))
        return Reply("written")


async def hand_over(socket: str, records: Sequence[Outgoing]) -> bool:
    """Have the owner append the records; false where nobody listens on the socket (any more).

    Raises:
        OutcomeUnknown: the owner went away, or did not answer in time, after it was asked.
        LogError: the owner refused; nothing was written.
    """
    request = msgspec.msgpack.encode(list(records))
    if len(request) > MAX_REQUEST:
        raise LogError(f"{len(request)} bytes are too many to append at once; the limit is {MAX_REQUEST}")
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return False
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT):
            await _send(writer, request)
            reply = _reply.decode(await _receive(reader))
    except (OSError, EOFError, TimeoutError) as error:
        raise OutcomeUnknown("the process that owns the log went away before it answered") from error
    finally:
        writer.close()
    if reply.outcome == "unknown":
        raise OutcomeUnknown(reply.error)
    if reply.outcome == "refused":
        raise LogError(reply.error)
    return True


def lock_file(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def read_holder(path: Path) -> Holder | None:
    """Who wrote into the lock file last; it may be dead."""
    try:
        return _decode(lock_file(path).read_bytes())
    except OSError:
        return None


def _decode(content: bytes) -> Holder | None:
    try:
        return _holder.decode(content)
    except msgspec.MsgspecError:
        return None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse_lasting(path: Path, *, impatient: bool) -> None:
    holder = read_holder(path)
    lasting = holder is not None and holder.socket is not None and _is_alive(holder.pid)
    if lasting or impatient:
        name = f"process {holder.pid}" if holder else "another process"
        raise InUse(f"{path} is in use by {name}; stop it or give another [log] url")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _remove(socket: Path) -> None:
    """Only what ``Server.start`` makes: the path may come from a file that anybody wrote."""
    if socket.name == "append.sock" and socket.parent.name.startswith(_DIRECTORY_PREFIX):
        with contextlib.suppress(OSError):
            socket.unlink(missing_ok=True)
            socket.parent.rmdir()


async def _send(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(len(content).to_bytes(4, "big") + content)
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(4), "big")
    if length > MAX_REQUEST:
        raise EOFError
    return await reader.readexactly(length)
