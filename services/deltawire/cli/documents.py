"""Documents named on the command line: files and URLs."""

from __future__ import annotations

import sys
from pathlib import Path

from deltawire.cli.main import Failure, Misuse
from deltawire.config import DifferConfig, FetchConfig
from deltawire.formats.base import Raw
from deltawire.model import Reading
from deltawire.poller.guard import read_once
from deltawire.poller.once import FetchFailed, fetch_once


def saved(path: str) -> Raw:
    """A saved document, ``-`` being standard input. Nothing is known of when and from where it came."""
    if path == "-":
        return Raw(body=sys.stdin.buffer.read(), url="stdin:")
    try:
        body = Path(path).read_bytes()
    except OSError as error:
        raise Misuse(
            f"{path}: {error.strerror}; give a file that can be read, or a URL with http:// or https://"
        ) from None
    return Raw(body=body, url=Path(path).absolute().as_uri())


async def read(raw: Raw, format_: str, config: DifferConfig) -> Reading:
    """Read a document as the poller does: what would hurt is read in a process of its own.

    Raises:
        Unreadable: no conclusion about entries can be drawn from it.
    """
    return await read_once(raw, format_, config.max_entries)


async def fetched(url: str, config: FetchConfig) -> Raw:
    try:
        return await fetch_once(url, config)
    except FetchFailed as error:
        raise Failure(str(error)) from None
