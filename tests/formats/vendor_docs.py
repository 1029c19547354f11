"""Answers of Superdesk Live Blog, WordPress Liveblog, Quintype and Al Jazeera: invented blogs."""

from __future__ import annotations

import json
from typing import Any

POSTS_URL = "https://desk.example/api/client_blogs/0123456789abcdef01234567/posts?max_results=25"
ROWS_URL = "https://sea.example/storm/liveblog/get-entries/1/1741000000/"
SHELL_URL = "https://gulf.example/graphql?wp-site=aje&operationName=ArchipelagoSingleLiveBlogQuery&variables=%7B%7D"
START = 1_740_996_000  # 2025-03-03T10:00:00Z


def clock(minute: int) -> str:
    return f"2025-03-03T10:{minute:02d}:00+00:00"


def superdesk_post(number: int, *texts: str, **changes: Any) -> dict[str, Any]:
    """A post published at 10:00 plus ``number`` minutes, with an item for each text."""
    refs = [
        {"guid": f"urn:item:{number}:{n}", "item": {"_id": f"urn:item:{number}:{n}", "item_type": "text", "text": text}}
        for n, text in enumerate(texts or (f"<p>Post {number}</p>",))
    ]
    return {
        "_id": f"urn:post:{number}",
        "_created": clock(number),
        "_updated": clock(number),
        "content_updated_date": clock(number),
        "published_date": clock(number),
        "post_status": "open",
        "deleted": False,
        "sticky": False,
        "lb_highlight": False,
        "order": number + 0.5,
        "byline": "Ada Quill",
        "groups": [{"id": "root", "refs": [{"idRef": "main"}]}, {"id": "main", "refs": refs}],
    } | changes


def superdesk(*posts: dict[str, Any], total: int | None = None, page: int = 1) -> dict[str, Any]:
    """A page of posts, by default the only one."""
    following = {"next": {"href": f"client_blogs/0123456789abcdef01234567/posts?page={page + 1}"}} if total else {}
    meta = {"page": page, "max_results": 25, "total": total or len(posts)}
    return {"_items": list(posts), "_links": {"self": {"href": "client_blogs/x/posts"}} | following, "_meta": meta}


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A row of a WordPress liveblog, written at 10:00 plus ``number`` minutes."""
    return {
        "id": str(number),
        "type": "new",
        "render": f"<p>Entry {number}</p>\n",
        "content": f"Entry {number}",
        "timestamp": START + number * 60,
        "entry_time": START + number * 60,
        "author_link": "ada_quill",
        "key_event": False,
    } | changes


def rows(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"entries": list(entries), "page": 1, "pages": 3} | changes


def polled_rows(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"entries": list(entries), "latest_timestamp": START, "refresh_interval": 10, "pages": 1}


def card(number: int, *elements: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A Quintype card added at 10:00 plus ``number`` minutes."""
    at = (START + number * 60) * 1000
    shown = elements or ({"type": "text", "text": f"<p>Card {number}</p>"},)
    return {
        "id": f"card-{number}",
        "content-version-id": "v",
        "status": "draft",
        "card-added-at": at,
        "card-updated-at": at + 30_000,
        "story-elements": list(shown),
        "metadata": {"attributes": {}},
    } | changes


def quintype(*cards: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "headline": "Storm: live",
        "url": "https://bench.example/sea/storm-live",
        "story-template": "live-blog",
        "cards": list(cards),
        "metadata": {"is-closed": False},
    } | changes


def shell(*children: Any, **changes: Any) -> dict[str, Any]:
    """An Al Jazeera live blog, which lists its updates."""
    article = {
        "id": "700",
        "title": "Storm live",
        "link": "/news/liveblog/2025/3/3/storm",
        "isLive": True,
        "children": list(children),
    }
    return {"data": {"article": article | changes}}


def update(number: int, **changes: Any) -> dict[str, Any]:
    post = {
        "id": str(number),
        "postType": "liveblog-update",
        "title": f"It&#8217;s update {number}",
        "content": f'<p>Update {number} <a href="/news/x">x</a></p>',
        "author": [{"name": "Ada Quill"}],
        "date": "2025-03-03T10:15:00",
        "modified_gmt": "2025-03-03T10:16:00",
        "shouldDisplayTitle": True,
        "postLabel": [],
    }
    return {"data": {"posts": post | changes}}


def text(document: dict[str, Any]) -> str:
    return json.dumps(document)
