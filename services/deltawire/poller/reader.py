"""The reader process: reads one document after another for a parent that it must not hurt.

``python -m deltawire.poller.reader`` takes tasks on standard input and answers each on standard output. Both are
MessagePack behind their length (4 bytes, big-endian); a task is followed by its document, behind a length of its own.
The first answer is empty: it says that the process is ready.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
import traceback
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

from deltawire.formats import registry
from deltawire.formats.base import NeedsLenient, Raw, Unreadable
from deltawire.model import Reading
from deltawire.poller.look import Readout, readout

TOO_EXPENSIVE = "too-expensive"

PIECE = 64 * 1024
"""Bytes that a pipe takes at a time."""

_LENGTH = 4
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "ctypes.")


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A document to read as ``registry.read`` does, and as ``read_leniently`` does if that refuses."""

    body: bytes
    url: str
    content_type: str | None
    fetched_at: datetime | None
    format: str
    max_entries: int


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag="refusal"):
    """An ``Unreadable``."""

    code: str
    message: str


class Result(msgspec.Struct, frozen=True, kw_only=True, tag="result"):
    readout: Readout


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one document may cost: seconds of CPU time, seconds in all, bytes of address space.

    Where a machine is busy a reader gets a tenth of a core: the seconds in all allow for that.
    """

    cpu: int = 5
    wall: float = 60.0
    memory: int = 1024**3


answers: msgspec.msgpack.Decoder[Result | Refusal] = msgspec.msgpack.Decoder(Result | Refusal)
_tasks = msgspec.msgpack.Decoder(Task)


def frame(message: object) -> bytes:
    """A message as it goes through the pipe; null is the empty one."""
    body = b"" if message is None else msgspec.msgpack.encode(message)
    return len(body).to_bytes(_LENGTH, "big") + body


def pieces(task: Task) -> Iterator[bytes | memoryview]:
    """What a task is sent as: without its body, then that behind its length, as a pipe takes it.

    A copy of megabytes more would be made by whoever has other feeds to see to.
    """
    body = memoryview(task.body)
    yield frame(msgspec.structs.replace(task, body=b"")) + len(body).to_bytes(_LENGTH, "big")
    for at in range(0, len(body), PIECE):
        yield body[at : at + PIECE]


def read(task: Task) -> Readout:
    """Read a document, malformed or not, and take its digest.

    Raises:
        Unreadable: it cannot be read; with the code ``reader-error`` if the reader itself failed.
    """
    raw = Raw(body=task.body, url=task.url, content_type=task.content_type, fetched_at=task.fetched_at)
    try:
        reading = registry.read(raw, task.format)
    except NeedsLenient:
        reading = registry.read_leniently(raw, task.format)
    return readout(bounded(reading, task.max_entries))


def bounded(reading: Reading, max_entries: int) -> Reading:
    """At most so many entries, the newest. What was cut is not gone: such a document is at most a window."""
    if len(reading.entries) <= max_entries:
        return reading
    return msgspec.structs.replace(
        reading,
        entries=reading.entries[:max_entries],
        coverage="window" if reading.coverage == "full" else reading.coverage,
    )


def failed(error: BaseException) -> Unreadable:
    """What a reader's own failure is told as. The message of a foreign exception may quote the document: not that."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(at.filename).name}:{at.lineno}"
    return Unreadable("reader-error", f"the reader failed with {type(error).__name__} at {where}")


def confine(parent: int, memory: int) -> None:
    """Give up what reading does not need, and die with the parent.

    The limits are the kernel's. No network has two layers: a network namespace of its own, where the kernel lets an
    ordinary process have one, and an audit hook, which stops what Python code does.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It died before it could be followed.
        os._exit(0)
    sys.addaudithook(_refuse)


def _refuse(event: str, _: object) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"a reader process has no use for {event}")


def _answer(task: bytes, body: bytes) -> Result | Refusal:
    try:
        return Result(readout=read(msgspec.structs.replace(_tasks.decode(task), body=body)))
    except Unreadable as error:
        if _out_of_memory(error):
            return _too_large_in_memory()
        return Refusal(code=error.code, message=str(error))
    except MemoryError:
        return _too_large_in_memory()
    except BaseException as error:  # a panic in Rust is no Exception
        refusal = failed(error)
        return Refusal(code=refusal.code, message=str(refusal))


def _out_of_memory(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, MemoryError):
        cause = cause.__cause__
    return cause is not None


def _too_large_in_memory() -> Refusal:
    allowed = resource.getrlimit(resource.RLIMIT_AS)[0] // 1024**2
    return Refusal(code=TOO_EXPENSIVE, message=f"reading the document took more than {allowed} MiB of memory")


def _allow(seconds: int) -> None:
    """From now on so many seconds of CPU time, and up to one more, for the kernel counts whole ones."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _serve(source: IO[bytes], sink: IO[bytes], cpu: int) -> None:
    """Answer until the parent closes the pipe or is gone."""
    sink.write(frame(None))
    sink.flush()
    while len(head := source.read(_LENGTH)) == _LENGTH:
        _allow(cpu)
        task = source.read(int.from_bytes(head, "big"))
        body = source.read(int.from_bytes(source.read(_LENGTH), "big"))
        sink.write(frame(_answer(task, body)))
        sink.flush()


def main() -> None:
    """Arguments: the parent's process id, seconds of CPU time for each document, bytes of address space."""
    parent, cpu, memory = map(int, sys.argv[1:])
    confine(parent, memory)
    # Whatever a library prints must not get into the answers.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # Ctrl-C is for the parent, which closes the pipe when it has finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _serve(sys.stdin.buffer, sink, cpu)
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
