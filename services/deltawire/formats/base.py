"""What every format adapter is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

import msgspec

from deltawire.model import Reading

_LONGEST_MESSAGE = 1000


class Unreadable(Exception):
    """The document cannot be read: a failed look, never "no entries".

    ``code`` is stable (``not-a-live-blog``, ``malformed``, ``cut-off``, ``too-large``, ``ambiguous``, ``empty``,
    ``source-error`` where an API refused, ``reader-error`` where the reader itself failed); the message is one sentence
    that says what, where and, if there is one, the mend. It is kept and logged, so that it is cut where a document that
    it quotes would make it long.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message[:_LONGEST_MESSAGE])
        self.code = code


class NeedsLenient(Exception):
    """A strict reader refuses the document; a lenient one, which is slow and can be hurt, may still read it.

    The message says what is wrong with the document.
    """


T = TypeVar("T")


Begun = Mapping[bytes, tuple[int, int]]
"""The length and the hash of segments, by their first ``BEGINNING`` bytes."""

BEGINNING = 96


class Memo(Protocol):
    """What the raw segments (items, blocks, updates) of earlier documents were read as: cost follows change.

    A memo belongs to one feed and one version of the readers.
    """

    def recall(self, segment: bytes, read: Callable[[], T]) -> T:
        """What ``read`` makes of a segment, taken from memory if it was read before.

        ``segment`` must hold everything that the result depends on.
        """

    def recall_all(
        self, context: bytes, segments: Sequence[bytes], read: Callable[[Sequence[bytes]], list[T]]
    ) -> list[T]:
        """The same for all segments of a document; what their results depend on besides is in ``context``."""

    def begun(self) -> Begun:
        """How segments that ``recall_all`` remembers began: where one begins that stands, its end need not be found."""


class Forgetful:
    """The memo that remembers nothing."""

    def recall(self, segment: bytes, read: Callable[[], T]) -> T:  # noqa: ARG002 - the port's signature
        return read()

    def recall_all(
        self,
        context: bytes,  # noqa: ARG002
        segments: Sequence[bytes],
        read: Callable[[Sequence[bytes]], list[T]],
    ) -> list[T]:
        return read(segments)

    def begun(self) -> Begun:
        return {}


class Raw(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it arrived, content codings removed. ``url`` is where it was finally found, for relative links.

    ``content_type`` is the whole header value. ``fetched_at`` is null for a saved file of unknown age.
    """

    body: bytes
    url: str
    content_type: str | None = None
    fetched_at: datetime | None = None
    memo: Memo = Forgetful()


class Format(Protocol):
    name: ClassVar[str]
    version: ClassVar[int]
    """Raised whenever the same document reads differently: a better reader is not an edit."""

    def claims(self, raw: Raw) -> bool:
        """Whether the document is of this format, judged by content and headers; cheap."""

    def read(self, raw: Raw) -> Reading:
        """Read the whole document.

        Raises:
            Unreadable: it is malformed, cut off, or holds no live blog.
            NeedsLenient: it is malformed in a way that ``read_leniently`` of the same format may be able to mend.
        """


@runtime_checkable
class LenientFormat(Format, Protocol):
    """A format that is often served malformed."""

    def read_leniently(self, raw: Raw) -> Reading:
        """The same as ``read``, from malformed documents too.

        Raises:
            Unreadable: no conclusion about entries can be drawn from it.
        """
