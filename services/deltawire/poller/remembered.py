"""What was found out about URLs by taking them apart, which is a good part of what a look costs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T", covariant=True)

LONGEST = 512
"""Characters of the URLs that are remembered. Sites bring new ones with each redirect and each document: of 8,000
characters they would fill hundreds of megabytes.
"""

URLS = 32_768
"""URLs that are remembered, where little is kept of each."""


class Remembered(Protocol[P, T]):
    def __call__(self, url: str, *more: P.args, **named: P.kwargs) -> T: ...

    def cache_info(self) -> Any:
        """As that of ``functools.lru_cache``, which has no public type."""


def remembered(most: int = URLS) -> Callable[[Callable[Concatenate[str, P], T]], Remembered[P, T]]:
    """As ``functools.lru_cache``, for functions of a URL; of one beyond ``LONGEST`` nothing is remembered."""

    def decorate(function: Callable[Concatenate[str, P], T]) -> Remembered[P, T]:
        known = cast("Remembered[P, T]", lru_cache(most)(function))

        @wraps(function)
        def recall(url: str, *more: P.args, **named: P.kwargs) -> T:
            return known(url, *more, **named) if len(url) <= LONGEST else function(url, *more, **named)

        recall.cache_info = known.cache_info  # type: ignore[attr-defined]
        return cast("Remembered[P, T]", recall)

    return decorate
