"""Which blog a link leads to: the same one under several addresses is one; its date, if its address has one. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from urllib.parse import urlsplit

import msgspec

from deltawire.formats.links import Found
from deltawire.formats.urls import canonical_url

MOST_CANDIDATES = 200
"""Of one look that are considered, the newest first where dates are known."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    rf"(?<!\d)(20\d\d)([-_/]?)(0[1-9]|1[0-2]|(?<=[-_/])[1-9]|{'|'.join(_MONTHS)})\2(\d\d|(?<=\D)\d)(?!\d)",
    re.IGNORECASE,
)
_VIEWS = frozenset({"amp", "outputtype", "output", "filterkeyevents", "dcr"})
_SUBDOMAIN = re.compile(r"(?:www|amp|m|mobile)\.(?=[^.]+\.)")
_AMP_PATH = re.compile(r"/amp(?=/|$)|\.amp(?=\.html?$|$)", re.IGNORECASE)
_INDEX = re.compile(r"/index\.html?$|/$")


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A link that matches: ``key`` is the same for all addresses of a blog, ``date`` the day that it is of."""

    key: str
    url: str
    date: date | None = None


def candidates(links: Iterable[Found], matches: Callable[[str, str], bool], page: str) -> tuple[list[Candidate], int]:
    """The blogs among the links, the newest first as far as dates are known, else as listed; and how many there were.

    ``page`` is where the links stand, which is none of them.
    """
    own = address_key(page)
    best: dict[str, Candidate] = {}
    for link in links:
        if not matches(link.title, link.url):
            continue
        key = address_key(link.url)
        day = date_of(link.url) or (link.at.date() if link.at else None)
        one = Candidate(key=key, url=link.url, date=day)
        known = best.get(key)
        if known is None or _plainness(one.url) > _plainness(known.url):
            best[key] = msgspec.structs.replace(one, date=day or (known.date if known else None))
    best.pop(own, None)
    ranked = sorted(best.values(), key=lambda c: c.date or date.min, reverse=True)
    return ranked[:MOST_CANDIDATES], len(ranked)


def address_key(url: str) -> str:
    """What all addresses of a document have in common, as a digest.

    Neither scheme, ``www``, ``amp`` and mobile hosts, tracking parameters, fragments nor AMP views tell blogs apart.
    """
    parts = urlsplit(canonical_url(url) or url)
    host = _SUBDOMAIN.sub("", parts.netloc.rpartition("@")[2].lower(), count=1)
    path = _INDEX.sub("", _AMP_PATH.sub("", parts.path))
    query = sorted(pair for pair in parts.query.split("&") if pair and not _is_view(pair))
    return hashlib.blake2b("\n".join([host, path, *query]).encode(), digest_size=10).hexdigest()


def date_of(url: str) -> date | None:
    """The day that an address names, as in ``/2025/nov/25/`` or ``europe-live-20251125``."""
    for year, _, month, day in _DATE.findall(urlsplit(url).path):
        number = _MONTHS.index(month.lower()) + 1 if month.lower() in _MONTHS else int(month)
        try:
            return datetime(int(year), number, int(day)).date()  # noqa: DTZ001 - a calendar day
        except ValueError:
            continue
    return None


def _is_view(pair: str) -> bool:
    name, _, value = pair.partition("=")
    return name.lower() in _VIEWS or value.startswith(("with:block", "with%3Ablock"))


def _plainness(url: str) -> tuple[bool, bool, int]:
    """How good an address is to be followed: the page itself, encrypted, without more parameters than needed."""
    parts = urlsplit(url)
    is_amp = parts.netloc.startswith("amp.") or _AMP_PATH.search(parts.path) or "amp" in parts.query.lower()
    return not is_amp, parts.scheme == "https", -len(parts.query)
