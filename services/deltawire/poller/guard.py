"""Reading a document that may be hostile, away from the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from deltawire.formats import registry
from deltawire.formats.base import NeedsLenient, Raw, Unreadable
from deltawire.formats.content import CONTENT_VERSION
from deltawire.model import Reading
from deltawire.poller.look import Readout, readout

READ_THREADS = 2


class Guard:
    """Reads documents, a few at a time."""

    def __init__(self, max_entries: int) -> None:
        self._readers = _fingerprint()
        self._max_entries = max_entries
        self._threads = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="read")

    def reader(self, format_: str) -> str:
        """Names what reads a feed of that format now. What another reader read is read again, for it may differ."""
        return f"{format_}:{self._readers}"

    async def read(self, raw: Raw, format_: str) -> Readout:
        """Read the document and take its digest.

        Raises:
            Unreadable: it cannot be read; also, with the code ``reader-error``, if the reader itself failed.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read, raw, format_)

    def _read(self, raw: Raw, format_: str) -> Readout:
        if format_ != "auto" and format_ not in registry.FORMATS:
            known = ", ".join(registry.FORMATS)
            raise Unreadable("format", f"the feed names the format {format_!r}, which is none of auto, {known}")
        try:
            try:
                reading = registry.read(raw, format_)
            except NeedsLenient:
                reading = registry.read_leniently(raw, format_)
            return readout(bounded(reading, self._max_entries))
        except Unreadable:
            raise
        except Exception as error:
            # The message of a foreign exception may quote the document, which does not belong into logs.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(frame.filename).name}:{frame.lineno}"
            raise Unreadable("reader-error", f"the reader failed with {type(error).__name__} at {where}") from error

    def close(self) -> None:
        """Let go of the threads; a reading under way is finished and forgotten."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _fingerprint() -> str:
    """Changes with the version of any adapter: which of them reads a feed is known only once it is read."""
    versions = sorted((format_.name, format_.version) for format_ in registry.FORMATS.values())
    return hashlib.blake2b(repr((versions, CONTENT_VERSION)).encode(), digest_size=8).hexdigest()


def bounded(reading: Reading, max_entries: int) -> Reading:
    """At most so many entries, the newest. What was cut is not gone: such a document is at most a window."""
    if len(reading.entries) <= max_entries:
        return reading
    return msgspec.structs.replace(
        reading,
        entries=reading.entries[:max_entries],
        coverage="window" if reading.coverage == "full" else reading.coverage,
    )
