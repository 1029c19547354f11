"""From ``store.url`` to an open store."""

from __future__ import annotations

from urllib.parse import unquote

from deltawire.config_rules import store_url_mistake
from deltawire.store.port import Store, StoreError
from deltawire.store.postgres import PostgresStore
from deltawire.store.sqlite import SqliteStore


async def open_store(url: str) -> Store:
    """Open the store of a URL: ``sqlite:///relative/path``, ``sqlite:////absolute/path`` or ``postgresql://…``.

    Raises:
        StoreError: another kind of URL, or the store cannot be used; the message never holds the URL's password.
    """
    if mistake := store_url_mistake(url):
        raise StoreError(f"store.url {mistake}")
    if url.startswith("postgresql:"):
        return await PostgresStore.open(url)
    return await SqliteStore.open(unquote(url.removeprefix("sqlite:///")))
