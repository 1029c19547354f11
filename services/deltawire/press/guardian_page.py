"""A blog as the Guardian's page model: blocks made of elements, new ids for these at every render, a pinned copy."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from deltawire.press.guardian import ATTRIBUTES
from deltawire.press.noise import Noise
from deltawire.press.shown import Sheet, Shown

_KIND = "model.dotcomrendering.pageElements.TextBlockElement"


def page_model(sheet: Sheet, noise: Noise) -> str:
    """The newest pinned post stands in ``pinnedPost``, and in the list only if it is not the first there."""
    blog, posts = sheet.blog, sheet.items
    pinned = next((post for post in posts if "pinned" in post.labels), None)
    listed = posts[1:] if posts and posts[0] is pinned else posts
    model: dict[str, Any] = {
        "version": 3,
        "headline": blog.title,
        "standfirst": f"<p>{blog.standfirst}</p>",
        "webTitle": blog.title,
        "webURL": blog.url,
        "pageId": urlsplit(blog.url).path.strip("/"),
        "blocks": [_block(post, noise) for post in listed],
        "pagination": {"currentPage": 1, "totalPages": 2},
        "webPublicationDate": blog.modified_at.isoformat(),
        "format": {"design": "DeadBlogDesign" if blog.ended else "LiveBlogDesign", "theme": "NewsPillar"},
        "pageType": {"isLiveblog": True},
        "contentType": "LiveBlog",
        "lang": blog.language,
    }
    if pinned is not None:
        model["pinnedPost"] = _block(pinned, noise) | {"id": f"{(pinned.id or '').removesuffix('-pinned')}-pinned"}
    return noise.json(model)


def _block(post: Shown, noise: Noise) -> dict[str, Any]:
    element = {"_type": _KIND, "html": noise.body(post), "elementId": noise.token()}
    block: dict[str, Any] = {
        "id": post.id,
        "elements": [element],
        "attributes": {ours: label in post.labels for label, ours in ATTRIBUTES.items()},
        "contributors": [{"name": post.author}],
        "primaryDateLine": f"rendered {noise.token()}",
    }
    for key, moment in (
        ("blockCreatedOn", post.created_at),
        ("blockFirstPublished", post.created_at),
        ("blockLastUpdated", post.updated_at or post.created_at),
    ):
        if moment is not None:
            block[key] = _milliseconds(moment)
    if post.title is not None:
        block["title"] = post.title
    return block


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
