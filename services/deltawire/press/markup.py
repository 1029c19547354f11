"""A blog in the markup of its page alone: as the Mirror and the Express write it, and as schema.org's microdata."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from html import escape

from deltawire.press.amp import epoch, head
from deltawire.press.feeds import address, zulu
from deltawire.press.noise import Noise
from deltawire.press.shown import Sheet, Shown

_SCHEMA = "https://schema.org/"


def mirror(sheet: Sheet, noise: Noise) -> str:
    def entry(post: Shown) -> str:
        attributes = {
            "class": "live-event-entry",
            "id": post.id or "",
            "data-type": "default",
            "data-post-time": epoch(post.created_at),
            "data-last-modified-time": epoch(post.updated_at or post.created_at),
        }
        clock = f'<time class="updating-timezone-live-event">{_clock(post.created_at)}</time>'
        info = f'<div class="entry-info">{clock}<mark>{escape(post.author)}</mark></div>'
        heading = f"<h3>{noise.text(post.title)}</h3>" if post.title else ""
        body = f'<div class="entry-content">{heading}{noise.body(post)}</div>'
        return f"<div{noise.attributes(attributes)}>{info}{body}</div>"

    return _page(sheet, noise, '<div class="live-event-entries">', entry, "</div>")


def express(sheet: Sheet, noise: Noise) -> str:
    def entry(post: Shown) -> str:
        attributes = {
            "class": "live-events__entry",
            "id": post.id or "",
            "data-sort-time": _seconds(post.created_at),
            "data-update-time": _seconds(post.updated_at or post.created_at),
        }
        clock = f"<time><span>{noise.number(1, 59)} mins ago</span>{_clock(post.created_at)}</time>"
        author = f'<a class="live-events__entry-author" href="/journalist">{escape(post.author)}</a>'
        info = f'<div class="live-events__entry-info">{clock} {author}</div>'
        heading = f'<h3 class="live-events__entry-head">{noise.text(post.title)}</h3>' if post.title else ""
        body = f'<div class="live-events__entry-text">{noise.body(post)}</div>'
        return f"<div{noise.attributes(attributes)}>{info}{heading}{body}</div>"

    return _page(sheet, noise, '<div class="live-events">', entry, "</div>")


def microdata(sheet: Sheet, noise: Noise) -> str:
    blog = sheet.blog

    def entry(post: Shown) -> str:
        scope = noise.attributes({"itemprop": "liveBlogUpdate", "itemtype": f"{_SCHEMA}BlogPosting"})
        parts = [f"<article itemscope{scope}>"]
        if post.id is not None:
            parts.append(f'<link itemprop="url" href="{escape(address(blog, post.id))}">')
        if post.title:
            parts.append(f'<h3 itemprop="headline">{noise.text(post.title)}</h3>')
        for name, moment in (("datePublished", post.created_at), ("dateModified", post.updated_at or post.created_at)):
            if moment is not None:
                parts.append(f'<meta itemprop="{name}" content="{zulu(moment)}">')
        person = f'<span itemprop="author" itemscope itemtype="{_SCHEMA}Person">'
        parts.append(f'{person}<span itemprop="name">{escape(post.author)}</span></span>')
        parts.append(f'<div itemprop="articleBody">{noise.body(post)}</div></article>')
        return "".join(parts)

    facts = {"url": blog.url, "headline": blog.title, "dateModified": zulu(blog.modified_at)}
    metas = "".join(noise.order(f'<meta itemprop="{name}" content="{escape(value)}">' for name, value in facts.items()))
    return _page(sheet, noise, f'<main itemscope itemtype="{_SCHEMA}LiveBlogPosting">{metas}', entry, "</main>")


def _page(sheet: Sheet, noise: Noise, opening: str, entry: Callable[[Shown], str], closing: str) -> str:
    tail = f"<footer>© {escape(sheet.blog.publication)}</footer></body></html>"
    parts = [*head(sheet.blog, noise), opening, *map(entry, sheet.items), closing, tail]
    return noise.gap().join(parts) + "\n"


def _clock(moment: datetime | None) -> str:
    return f"{moment:%H:%M}" if moment else ""


def _seconds(moment: datetime | None) -> str:
    return f"{moment.timestamp():.0f}" if moment else "1"
