"""Addresses without what is secret in them.

Note [Secrets]
An address may hold a password (scheme://user:password@host) or a token (?key=…), and messages of
GStreamer quote addresses. So a source's public name is redacted where it is made, and every text
that goes out passes through `redact` once more. What is doubtful counts as secret: of a malformed
address, whose password holds a slash or an at sign, all before the last at sign is left out.
"""

from __future__ import annotations

import re

_END = r"(?=[:;,.!)\]]*(?:[\s'\"]|$))"  # punctuation behind an address is the sentence's
_USER = re.compile(r"(://)(?:[^\s/?#@:'\"]*:[^\s'\"]*@|[^\s/?#'\"]*@)")
_QUERY = re.compile(rf"(://[^\s?#'\"]*[?#])[^\s'\"]*?{_END}")


def redact(text: str) -> str:
    """A text in which addresses show neither user and password nor what follows `?` or `#`."""
    if "://" not in text:
        return text
    return _QUERY.sub(r"\1***", _USER.sub(r"\1***@", text))
