"""The address that is really fetched for one that a person pastes. Pure; what is not known stays as it is."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_BLOG = re.compile(r"(?:/[\w-]+)+?/live/\d{4}/[a-z]{3}/\d{1,2}/[\w-]+", re.ASCII)
_PAGE_HOSTS = frozenset({"www.theguardian.com", "theguardian.com", "amp.theguardian.com"})
_API_HOST = "content.guardianapis.com"
_API_FIELDS = (("show-blocks", "all"), ("show-fields", "headline,liveBloggingNow,lang"), ("show-tags", "contributor"))


def fetched(url: str) -> str:
    """Where the live blog at an address can be read best.

    A live blog's page on theguardian.com becomes the JSON that the page is made of, from its first page on: the HTML's
    JSON-LD has the article's times for every entry, and 1,000 characters of each (formats.md 2.2). An item of the
    Guardian's Content API, at any host if the address has an ``api-key``, is asked for all blocks, the headline, the
    end of the coverage and the contributors' names, so far as the address does not itself say what is wanted.
    Everything else in it stays as it is, byte for byte, the key too.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return url
    if parts.scheme not in ("http", "https") or not _BLOG.fullmatch(parts.path.rstrip("/")):
        return url
    named = {pair.partition("=")[0] for pair in parts.query.split("&")}
    path = parts.path.rstrip("/")
    if host in _PAGE_HOSTS:
        return urlunsplit(("https", "www.theguardian.com", f"{path}.json", "dcr=true", ""))
    if host == _API_HOST or "api-key" in named:
        missing = [f"{name}={value}" for name, value in _API_FIELDS if name not in named]
        return urlunsplit(parts._replace(query="&".join([*filter(None, [parts.query]), *missing]), fragment=""))
    return url
