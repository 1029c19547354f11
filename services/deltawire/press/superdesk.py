"""A blog as Sourcefabric's Live Blog answers: posts made of items with new ids at each edit, the deleted among them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from deltawire.press.feeds import zulu
from deltawire.press.noise import Noise
from deltawire.press.shown import Sheet, Shown

_STAMP = "urn:newsml:desk.example:2025-03-03T10:00:00.000000:"


def client_posts(sheet: Sheet, noise: Noise) -> str:
    """The first page, by ``order``; behind the posts a reader's comment, which is none."""
    blog = sheet.blog
    posts = [_post(post, noise, place) for place, post in enumerate(reversed(sheet.items))][::-1]
    graves = [_grave(identity, at) for _, identity, at in sheet.tombstones]
    comment = {"_id": f"{_STAMP}comment", "post_status": "comment", "_updated": zulu(blog.modified_at)}
    items = [*posts, *graves, comment | {"groups": _groups("<p>Great blog!</p>", "comment", noise)}]
    total = len(items) + 25
    return noise.json(
        {
            "_items": items,
            "_links": {"next": {"title": "next page", "href": "client_blogs/0123456789abcdef01234567/posts?page=2"}},
            "_meta": {"page": 1, "max_results": len(items), "total": total},
        }
    )


def _post(post: Shown, noise: Noise, place: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "_id": post.id,
        "guid": post.id,
        "_etag": noise.token(),
        "byline": post.author,
        "deleted": False,
        "groups": _groups(noise.body(post), "text", noise),
        "lb_highlight": "key-event" in post.labels,
        "order": place + 0.5,
        "post_status": "ad" if post.post is None else "open",
        "publisher": {"display_name": "Desk", "email": "desk@example.invalid"},
        "sticky": "pinned" in post.labels,
        "tags": sorted(post.labels & {"summary"}),
    }
    if post.title is not None:
        shown["headline"] = post.title
    if post.created_at is not None:
        updated = zulu(post.updated_at or post.created_at)
        shown |= {"_created": zulu(post.created_at), "published_date": zulu(post.created_at)}
        shown |= {"content_updated_date": updated, "_updated": updated}
    return shown


def _grave(identity: str, at: datetime) -> dict[str, Any]:
    return {"_id": identity, "guid": identity, "deleted": True, "post_status": "open", "_updated": zulu(at)}


def _groups(html: str, kind: str, noise: Noise) -> list[dict[str, Any]]:
    guid = f"{_STAMP}{noise.token()}"
    item = {"_id": guid, "guid": guid, "item_type": kind, "text": html}
    return [
        {"id": "root", "refs": [{"idRef": "main"}], "role": "grpRole:NEP"},
        {"id": "main", "refs": [{"guid": guid, "residRef": guid, "item": item}], "role": "grpRole:Main"},
    ]
