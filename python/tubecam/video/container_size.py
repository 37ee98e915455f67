"""How long a video file says that it is: one that was cut off is shorter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

_TAIL = 1 << 17  # bytes; a packet of a program stream has 64 KiB at most
_PACKET = re.compile(rb"\x00\x00\x01[\xbc-\xef]", re.DOTALL)
_SEGMENT = b"\x18\x53\x80\x67"


def stated_size(path: Path) -> int | None:
    """Bytes that the file should have at least; None where its format does not say.

    Reads the boxes of MP4 and MOV, the segment of Matroska and WebM, the list of AVI, and the last
    packet of an MPEG program stream. What lies behind the video, as some cameras append it, does
    not count.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _matroska(head)
        if head[:4] == b"RIFF":
            return _riff(head)
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            return _boxes(file, size)
        if head[:4] == b"\x00\x00\x01\xba":
            return _program_stream(file, size)
    return None


def _riff(head: bytes) -> int | None:
    length = int.from_bytes(head[4:8], "little")
    return 8 + length if 0 < length < 2**32 - 1 else None  # neither: it was never finished


def _matroska(head: bytes) -> int | None:
    """Of the segment behind the EBML header; live recordings do not state it."""
    header, start = _ebml_size(head, 4)
    if header is None or head[start + header : start + header + 4] != _SEGMENT:
        return None
    length, start = _ebml_size(head, start + header + 4)
    return None if length is None else start + length


def _ebml_size(data: bytes, at: int) -> tuple[int | None, int]:
    """A variable-length number, None for one that is unknown, and where it ends."""
    if at >= len(data) or data[at] == 0:
        return None, at
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big") & (1 << 7 * width) - 1
    unknown = value == (1 << 7 * width) - 1
    return None if unknown else value, at + width


def _boxes(file: BinaryIO, size: int) -> int | None:
    """The end of the first box that reaches beyond the file, else None."""
    at, plain = 0, re.compile(rb"[A-Za-z0-9 \xa9_-]{4}")
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        length = int.from_bytes(head[8:], "big") if length == 1 else length
        if length < 8 or not plain.fullmatch(kind):
            return None  # to the end of the file, or no box any more
        at += length
        if at > size:
            return at
    return None


def _program_stream(file: BinaryIO, size: int) -> int | None:
    """The end of the last packet."""
    file.seek(max(0, size - _TAIL))
    tail, end = file.read(), None
    at = 0
    while (found := _PACKET.search(tail, at)) is not None:
        start = found.start()
        length = 6 + int.from_bytes(tail[start + 4 : start + 6], "big")
        end = max(0, size - _TAIL) + start + length
        at = start + length
    return end
