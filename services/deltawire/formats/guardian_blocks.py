"""What the Guardian's own notations of a block share, whichever of its servers rendered it (formats.md 2.2)."""

from __future__ import annotations

import re

from deltawire.formats.urls import canonical_url

# Composer links names of topics by itself, and from render to render more or fewer of them: no editor's doing.
_AUTO_LINK = re.compile(
    r"""<a\b[^<>]{0,1000}?\bdata-component=["']auto-linked-tag["'][^<>]{0,1000}>([^<>]*)</a\s*>""", re.IGNORECASE
)


def without_auto_links(html: str) -> str:
    """The HTML with the links that the Guardian's tagger made undone; their words stay."""
    return _AUTO_LINK.sub(r"\1", html)


def block_url(page: str | None, identity: str | None) -> str | None:
    """The address of a block, as the page's own share links have it."""
    return canonical_url(f"{page}?page=with:block-{identity}#block-{identity}") if page and identity else None
