"""The secret that webhooks are signed with, as Standard Webhooks writes it."""

from __future__ import annotations

import base64

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a key."""

MEND = f"make one with: echo {PREFIX}$(head -c 32 /dev/urandom | base64)"


def signing_key(secret: str) -> bytes:
    """The key of a secret ``whsec_<base64 of 24 to 64 bytes>``.

    Raises:
        ValueError: it is none; the sentence does not repeat it.
    """
    if not secret.startswith(PREFIX):
        raise ValueError(f"does not begin with {PREFIX}; {MEND}")
    encoded = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ValueError(f"is no base64 after {PREFIX}; {MEND}") from None
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"holds {len(key)} bytes, not {SHORTEST} to {LONGEST}; {MEND}")
    return key
