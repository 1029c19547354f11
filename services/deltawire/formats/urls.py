"""Addresses made canonical: absolute, without what only tracks a reader or defeats a cache."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from deltawire.formats.text import clean

_TRACKING = re.compile(
    r"utm_.*|at_(?:medium|campaign|custom\d?|link_.*|format|ptr_name|bbc_team)|ns_(?:mchannel|source|campaign|linkname|fee)"
    r"|(?:fb|g|d|y|tw|tt|ms|rb_|li_fat_|sc|wbra|gbra|ir)cl(?:k?id|ickid)|gclsrc|gbraid|wbraid|igshid?|mc_[ce]id|_ga|_gl"
    r"|_hs(?:enc|mi)|mkt_tok|vero_id|oly_(?:anon|enc)_id|s_cid|ref_(?:src|url)|cmpid?|ocid|ito|xtor|smid|guccounter",
    re.IGNORECASE,
)
_BUSTER_NAME = re.compile(
    r"_|r|t|ts|cb|cache|cache_?bust(?:er)?|bust|nocache|rnd|rand|random|time(?:stamp)?|v|ver", re.IGNORECASE
)
_EPOCH = re.compile(r"1\d{9}(?:\d{3})?(?:\.\d+)?")
_SCHEMES = frozenset({"http", "https", "mailto"})
_PORTS = {"http": ":80", "https": ":443"}
_BREAKS = re.compile(r"[\t\r\n]")
_WHOLE = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_UNSAFE = re.compile(r"[^!#$%&'()*+,/:;=?@\[\]~\w.\-]")
_MAX = 4096
# What nearly all links are: nothing in them needs to be resolved, decoded or escaped, which is what urllib is slow at.
_SIMPLE = re.compile(
    r"(https?://[a-z0-9.-]+(?::(?!80/|443/)[0-9]+)?)?(/[A-Za-z0-9_!$%&'()*+,.:=@~/-]*)"
    r"(?:\?([A-Za-z0-9_!$%&'()*+,.:;=@~/?-]*))?(#[A-Za-z0-9_!$%&'()*+,.:;=@~/?-]+)?"
)


def canonical_url(url: str, base: str | None = None) -> str | None:
    """The address absolute (against ``base``), with a lower-case scheme and host, without tracking parameters.

    The fragment and the order of the remaining parameters are kept. Null for anything but http, https and mailto,
    for what cannot be parsed, and for what is longer than 4096 characters (a data address, as a rule).
    """
    return _canonical(url, base, image=False)


def canonical_image(url: str, base: str | None = None) -> str | None:
    """The same for an image, also without cache busters: a parameter, or a whole query, that is an epoch."""
    return _canonical(url, base, image=True)


def asking(url: str, **parameters: str) -> str | None:
    """The http or https address with these parameters instead of its own of the same names; null for any other.

    All else in it stays as it is, byte for byte: a ``${NAME}`` in it too. The fragment goes.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] not in parameters]
    return urlunsplit(parts._replace(query="&".join([*kept, urlencode(parameters)]), fragment=""))


def fragment(url: str) -> str | None:
    """The fragment of an address that has one."""
    return url.partition("#")[2] or None


def _canonical(url: str, base: str | None, *, image: bool) -> str | None:
    simple = _SIMPLE.fullmatch(url) if len(url) <= _MAX else None
    if simple is None:
        return _resolved(url, base, image=image)
    site, path, query, named = simple.groups()
    if site is None:
        # A path that is relative to nothing, begins with a host, or has dots to be resolved.
        site = None if not base or path.startswith("//") or "/." in path else _site(base)
        if site is None:
            return _resolved(url, base, image=image)
    kept = _told(query, image=image) if query else ""
    return f"{site}{path}{kept and '?'}{kept}{named or ''}"


@lru_cache(256)
def _site(base: str) -> str | None:
    """The scheme and host of an address, as they stand in every address that is relative to it."""
    root = _resolved("/", base, image=False)
    return root.removesuffix("/") if root else None


def _resolved(url: str, base: str | None, *, image: bool) -> str | None:
    """What ``_canonical`` says of any address."""
    url = _BREAKS.sub("", clean(url)).strip()
    if not url or len(url) > _MAX:
        return None
    try:
        parts = urlsplit(urljoin(base, url) if base and not _WHOLE.match(url) else url)
        scheme = parts.scheme.lower()
        if scheme not in _SCHEMES or (scheme != "mailto" and not parts.hostname):
            return None
    except ValueError:
        return None
    netloc = parts.netloc
    if scheme != "mailto":
        user, at, host = netloc.rpartition("@")
        netloc = user + at + host.lower().removesuffix(_PORTS[scheme])
    path = parts.path or ("/" if scheme != "mailto" else "")
    whole = urlunsplit((scheme, netloc, path, _told(parts.query, image=image), parts.fragment))
    return _UNSAFE.sub(lambda match: quote(match[0]), whole)


def _told(query: str, *, image: bool) -> str:
    """A query without what is noise in it."""
    return "&".join(pair for pair in query.split("&") if pair and not _is_noise(pair, image=image))


def _is_noise(pair: str, *, image: bool) -> bool:
    name, equals, value = pair.partition("=")
    if _TRACKING.fullmatch(name):
        return True
    if not image:
        return False
    return bool(_EPOCH.fullmatch(value) and _BUSTER_NAME.fullmatch(name)) if equals else bool(_EPOCH.fullmatch(name))
