"""A blog as the WordPress Liveblog plugin lists it: the first page of its rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from deltawire.press.noise import Noise
from deltawire.press.shown import Sheet, Shown


def first_page(sheet: Sheet, noise: Noise) -> str:
    return noise.json({"entries": [_row(post, noise) for post in sheet.items], "page": 1, "pages": 2})


def _row(post: Shown, noise: Noise) -> dict[str, Any]:
    body = noise.body(post)
    row: dict[str, Any] = {
        "id": post.id,
        "type": "new" if post.updated_at is None else "update",
        "render": body,
        "content": body,
        "headline": post.title or "",
        "css_classes": f"liveblog css-{noise.token()}",
        "authors": [{"id": 7, "name": post.author, "avatar": f"<img src='/avatar?{noise.token()}'>"}],
        "key_event": False,
    }
    if post.created_at is not None:
        row |= {"entry_time": _seconds(post.created_at), "timestamp": _seconds(post.updated_at or post.created_at)}
    return row


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
