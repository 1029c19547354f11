"""From ``store.url`` to an open store."""

from __future__ import annotations

from urllib.parse import unquote

from deltawire.store.port import Store, StoreError
from deltawire.store.sqlite import SqliteStore

_SQLITE = "sqlite:///"


async def open_store(url: str) -> Store:
    """Open the store of a URL: ``sqlite:///relative/path`` or ``sqlite:////absolute/path``.

    Raises:
        StoreError: another kind of URL, or the store cannot be used; the message never holds the URL's password.
    """
    scheme = url.partition(":")[0]
    if scheme != "sqlite":
        raise StoreError(
            f"store.url begins with {scheme!r}: this version stores in SQLite only, "
            "write sqlite:///relative/path or sqlite:////absolute/path"
        )
    path = url.removeprefix(_SQLITE)
    if path in (url, ""):
        raise StoreError(f"store.url {url!r} names no file: write sqlite:///relative/path or sqlite:////absolute/path")
    return await SqliteStore.open(unquote(path))
