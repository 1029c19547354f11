"""The JSON API: what is stored, for programs and for the page."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence
from datetime import datetime

import msgspec
from aiohttp import web

import deltawire
from deltawire.gateway.cursor import PageCursor, decode_page, encode_positions, page_cursor
from deltawire.gateway.directory import Directory
from deltawire.gateway.problems import bad_request, not_found
from deltawire.gateway.views import (
    AlertList,
    EntryList,
    EntryView,
    FeedList,
    RevisionList,
    SearchResult,
    alert_view,
    entry_view,
    headline,
)
from deltawire.log.port import Log
from deltawire.store.port import Alert, Store, StoredEntry

CONSUMER = "storage"
LIMIT = 50
MAX_LIMIT = 200
MAX_QUERY = 500


class Api:
    def __init__(self, log: Log, topic: str, store: Store, directory: Directory) -> None:
        self._log = log
        self._topic = topic
        self._store = store
        self._directory = directory

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api", self.index),
            web.get("/api/", self.index),
            web.get("/api/feeds", self.feeds),
            web.get("/api/feeds/{feed}", self.feed),
            web.get("/api/entries", self.all_entries),
            web.get("/api/feeds/{feed}/entries", self.entries),
            web.get("/api/feeds/{feed}/entries/{entry:.+}/revisions", self.revisions),
            web.get("/api/feeds/{feed}/entries/{entry:.+}", self.entry),
            web.get("/api/search", self.search),
            web.get("/api/alerts", self.alerts),
        ]

    async def index(self, _: web.Request) -> web.Response:
        return _json({"name": "deltawire", "version": deltawire.__version__})

    async def feeds(self, _: web.Request) -> web.Response:
        await self._directory.ready()
        position = await self._position()
        counts = await self._store.counts()
        views = [await self._directory.view(feed_id, counts.get(feed_id, 0)) for feed_id in self._directory.ids()]
        return _json(FeedList(feeds=[view for view in views if view is not None], position=position))

    async def feed(self, request: web.Request) -> web.Response:
        await self._directory.ready()
        feed_id = request.match_info["feed"]
        view = await self._directory.view(feed_id, (await self._store.counts()).get(feed_id, 0))
        if view is None:
            raise not_found(f"there is no feed {feed_id}; /api/feeds lists them")
        return _json(view)

    async def all_entries(self, request: web.Request) -> web.Response:
        await self._directory.ready()
        return await self._page(request, self._directory.ids())

    async def entries(self, request: web.Request) -> web.Response:
        """The entries of a feed, also of one that is no longer wanted."""
        await self._directory.ready()
        feed_id = request.match_info["feed"]
        if feed_id not in self._directory.ids() and not await self._store.entries(feed_id, limit=1):
            raise not_found(f"there is no feed {feed_id}; /api/feeds lists them")
        return await self._page(request, [feed_id])

    async def entry(self, request: web.Request) -> web.Response:
        return _json((await self._views([await self._stored(request)]))[0])

    async def revisions(self, request: web.Request) -> web.Response:
        stored = await self._stored(request)
        return _json(RevisionList(revisions=await self._store.revisions(stored.feed_id, stored.entry.id)))

    async def search(self, request: web.Request) -> web.Response:
        query = request.query.get("q", "").strip()
        if len(query) > MAX_QUERY:
            raise bad_request(f"q= takes at most {MAX_QUERY} characters, not {len(query)}")
        try:
            found = await self._store.search(query, feed_id=request.query.get("feed"), limit=_limit(request))
        except ValueError as error:
            raise bad_request(str(error)) from None
        return _json(SearchResult(entries=await self._views(found)))

    async def alerts(self, request: web.Request) -> web.Response:
        raised = await self._store.alerts(limit=_limit(request))
        return _json(AlertList(alerts=[alert_view(a, d, await self._headline(a)) for a, d in raised]))

    async def _headline(self, alert: Alert) -> str | None:
        stored = await self._store.entry(alert.feed_id, alert.entry_id)
        return headline(stored.entry) if stored else None

    async def _page(self, request: web.Request, feed_ids: Sequence[str]) -> web.Response:
        """One page over the feeds.

        The position is read first: what is stored meanwhile then comes twice, rather than not at all.
        """
        limit = _limit(request)
        before = decode_page(request.query["before"]) if request.query.get("before") else None
        position = await self._position()
        lists = [
            await self._store.entries(feed_id, limit=limit + 1, before=before.bound_in(feed_id) if before else None)
            for feed_id in feed_ids
        ]
        merged = list(heapq.merge(*lists, key=_order, reverse=True))
        views = await self._views(merged[:limit])
        following = views[-1].cursor if len(merged) > limit else None
        return _json(EntryList(entries=views, next=following, position=position))

    async def _views(self, stored: Sequence[StoredEntry]) -> list[EntryView]:
        revisions = await asyncio.gather(*(self._store.revisions(s.feed_id, s.entry.id) for s in stored))
        return [entry_view(s, r[-1] if r else None) for s, r in zip(stored, revisions, strict=True)]

    async def _stored(self, request: web.Request) -> StoredEntry:
        feed_id, entry_id = request.match_info["feed"], request.match_info["entry"]
        stored = await self._store.entry(feed_id, entry_id)
        if stored is None:
            raise not_found(f"there is no entry {entry_id[:100]} in the feed {feed_id[:100]}")
        return stored

    async def _position(self) -> str:
        """The event id up to which the store has everything."""
        oldest = {p: begin for p, (begin, _) in (await self._log.bounds(self._topic)).items()}
        return encode_positions(oldest | await self._store.positions(CONSUMER))


def _order(stored: StoredEntry) -> tuple[datetime, str, str]:
    cursor: PageCursor = page_cursor(stored)
    return cursor.at, cursor.entry_id, cursor.feed_id


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MAX_LIMIT):
        raise bad_request(f"limit= takes a number from 1 to {MAX_LIMIT}")
    return int(text)


def _json(value: object) -> web.Response:
    response = web.Response(
        body=msgspec.json.encode(value), content_type="application/json", headers={"Cache-Control": "no-store"}
    )
    response.enable_compression()
    return response
