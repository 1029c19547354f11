"""Documents named on the command line: files and URLs."""

from __future__ import annotations

import sys
from pathlib import Path

from deltawire.cli.main import Failure, Misuse
from deltawire.config import FetchConfig
from deltawire.formats import registry
from deltawire.formats.base import NeedsLenient, Raw
from deltawire.model import Reading
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


def read(raw: Raw, format_: str) -> Reading:
    """Read a document, malformed or not.

    Raises:
        Unreadable: no conclusion about entries can be drawn from it.
        ValueError: there is no format of that name.
    """
    try:
        return registry.read(raw, format_)
    except NeedsLenient:
        return registry.read_leniently(raw, format_)


async def fetched(url: str, config: FetchConfig) -> Raw:
    try:
        return await fetch_once(url, config)
    except FetchFailed as error:
        raise Failure(str(error)) from None
