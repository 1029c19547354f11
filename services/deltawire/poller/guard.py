"""Reading a document that may be hostile: where, so that it delays nobody.

Three places. In the event loop: what is so small that handing it over costs more than reading it. In a thread: strict
parsers, which hold the interpreter for a bounded time only. In a reader process (``workers``): what the strict parsers
refuse, and what is so large, or of a kind so costly, that reading it here would stop everything else.
"""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import msgspec

from deltawire import telemetry
from deltawire.formats import registry
from deltawire.formats.base import NeedsLenient, Raw, Unreadable
from deltawire.formats.content import CONTENT_VERSION
from deltawire.formats.feed import item_name
from deltawire.formats.memo import Memory
from deltawire.model import Reading
from deltawire.poller import digest
from deltawire.poller.look import Readout, readout
from deltawire.poller.reader import TOO_EXPENSIVE, Bounds, Task, bounded, failed
from deltawire.poller.workers import CRASHED, Pool

READ_THREADS = 2
MEMORY_BYTES = 256 * 1024 * 1024
"""What all feeds together remember of the segments that they were read from."""

LOOP_BYTES = 4 * 1024
FEED_BYTES = 4 * 1024 * 1024
DOCUMENT_BYTES = 1024 * 1024
TEXT_BYTES = 64 * 1024
"""The largest documents read in this process: feeds in XML, other structured documents, plain texts. libxml2 reads XML
without holding the interpreter; JSON and pages hold it for up to 50 ms a MiB; a text costs ten times the CPU time."""

FEED_ITEMS = 2_000
"""The most items of a feed read in this process: so many small ones take seconds whatever their size."""


class Guard:
    """Reads documents, a few at a time. Use it as a context manager, or ``close`` it."""

    def __init__(self, max_entries: int, bounds: Bounds | None = None) -> None:
        self._readers = _fingerprint()
        self._max_entries = max_entries
        self._threads = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="read")
        self._memory = Memory(MEMORY_BYTES, self._readers)
        self._told = (0, 0)
        self._in_threads = 0
        self.workers = Pool(bounds=bounds)
        self._suspects: set[str] = set()

    async def __aenter__(self) -> Guard:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        await self.close()

    def reader(self, format_: str) -> str:
        """Names what reads a feed of that format now. What another reader read is read again, for it may differ."""
        return f"{format_}:{self._readers}"

    async def read(self, raw: Raw, format_: str, feed: str) -> Readout:
        """Read a document of the feed of that id, and take its digest.

        Raises:
            Unreadable: it cannot be read; also, with the code ``reader-error``, if the reader itself failed, with
                ``too-expensive`` if it takes too much time or memory, with ``reader-crashed`` if its process died.
        """
        if format_ != "auto" and format_ not in registry.FORMATS:
            known = ", ".join(registry.FORMATS)
            raise Unreadable("format", f"the feed names the format {format_!r}, which is none of auto, {known}")
        if not belongs_here(raw):
            return await self._read_apart(raw, format_, feed)
        remembering = msgspec.structs.replace(raw, memo=self._memory.of(feed))
        try:
            if len(raw.body) <= LOOP_BYTES:
                telemetry.readings.labels("loop").inc()
                return self._read(remembering, format_)
            telemetry.readings.labels("thread").inc()
            loop = asyncio.get_running_loop()
            self._in_threads += 1
            try:
                return await loop.run_in_executor(self._threads, self._read, remembering, format_)
            finally:
                self._in_threads -= 1
        except NeedsLenient:
            return await self._read_apart(raw, format_, feed)
        finally:
            self._tell()

    @property
    def waiting(self) -> int:
        """Documents that wait for a thread."""
        return max(0, self._in_threads - READ_THREADS)

    def _read(self, raw: Raw, format_: str) -> Readout:
        try:
            return readout(bounded(registry.read(raw, format_), self._max_entries))
        except (Unreadable, NeedsLenient, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic in Rust is no Exception
            raise failed(error) from error

    async def _read_apart(self, raw: Raw, format_: str, feed: str) -> Readout:
        telemetry.readings.labels("worker").inc()
        task = Task(
            body=raw.body,
            url=raw.url,
            content_type=raw.content_type,
            fetched_at=raw.fetched_at,
            format=format_,
            max_entries=self._max_entries,
        )
        try:
            read = await self.workers.read(task, suspect=feed in self._suspects)
        except Unreadable as refusal:
            if refusal.code in (TOO_EXPENSIVE, CRASHED):
                self._suspects.add(feed)
            raise
        self._suspects.discard(feed)
        return read

    def _tell(self) -> None:
        """Bring the counters up to what the memory has counted."""
        known, new = self._memory.hits, self._memory.misses
        telemetry.segments.labels("known").inc(known - self._told[0])
        telemetry.segments.labels("new").inc(new - self._told[1])
        self._told = known, new

    async def close(self) -> None:
        """Let go of threads and processes; a reading under way in a thread is finished and forgotten."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self.workers.close()


async def read_once(raw: Raw, format_: str, max_entries: int) -> Reading:
    """Read one document as the poller would.

    Raises:
        Unreadable: as ``Guard.read``.
    """
    async with Guard(max_entries) as guard:
        return (await guard.read(raw, format_, "")).reading


def belongs_here(raw: Raw) -> bool:
    """Whether a document may be read in this process, by its size and shape."""
    body = raw.body
    if body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"<", b"{", b"["):
        return len(body) <= TEXT_BYTES
    if len(body) > FEED_BYTES or (item := item_name(raw)) is None:
        return len(body) <= DOCUMENT_BYTES
    return body.count(f"<{item}".encode()) <= FEED_ITEMS


def _fingerprint() -> str:
    """Changes with the version of any adapter, for which of them reads a feed is known only once it is read."""
    versions = sorted((format_.name, format_.version) for format_ in registry.FORMATS.values())
    return hashlib.blake2b(repr((versions, CONTENT_VERSION, digest.VERSION)).encode(), digest_size=8).hexdigest()
