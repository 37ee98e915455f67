"""What can be explained: files, cameras, network streams, and the rendered test scene."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import StreamError, UsageError
from ..text.redaction import redact

_URI = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
TEST_SECONDS = 18.0
TEST_SIZE, TEST_FPS = (1280, 720), 30
TEST_CAPS = (
    f"video/x-raw,format=RGB,width={TEST_SIZE[0]},height={TEST_SIZE[1]},framerate={TEST_FPS}/1,"
    "pixel-aspect-ratio=1/1"
)


@dataclass(frozen=True)
class Source:
    """An input.

    Attributes
    ----------
    name
        As the user gave it, without secrets (redaction.py): for people.
    kind
        `file`, `stream` (read over the network), `camera` or `test`.
    uri
        What GStreamer opens, secrets and all; a camera's device path, empty for the test scene.
    path
        Of a file.
    """

    name: str
    kind: str
    uri: str = field(default="", repr=False)
    path: Path | None = None

    @property
    def live(self) -> bool:
        """Whether frames come at their own pace and cannot wait."""
        return self.kind == "camera" or self.uri.lower().startswith(("rtsp", "rtp", "udp", "srt"))


def parse_source(text: str) -> Source:
    """Understands `INPUT` of the command line and finds what can be known to be wrong with it.

    Raises
    ------
    StreamError
        There is no such file or camera, or it is empty or unreadable.
    UsageError
        It is no input that TubeCAM knows.
    """
    if not text:
        raise UsageError("a video is a path, a URI or camera:N, and this is an empty text")
    if text == "test":
        return Source(text, "test")
    if text.startswith("camera:"):
        return _camera(text)
    if text.lower().startswith("file://"):
        from urllib.parse import unquote, urlsplit

        return _file(text, Path(unquote(urlsplit(text).path)))
    if _URI.match(text):
        return Source(redact(text), "stream", text)
    return _file(text, Path(text))


def _camera(text: str) -> Source:
    number = text.partition(":")[2]
    if not number.isdigit():
        raise UsageError(f"{text!r}: a camera is given by its number, for instance camera:0")
    device = Path(f"/dev/video{number}")
    if not device.exists():
        present = sorted(path.name[5:] for path in Path("/dev").glob("video[0-9]*"))
        known = ", ".join(f"camera:{n}" for n in present) or "none"
        raise StreamError(f"there is no {text} ({device}); cameras of this machine: {known}")
    return Source(text, "camera", str(device))


def _file(text: str, path: Path) -> Source:
    if not path.exists():
        raise StreamError(f"there is no file {text}")
    if not path.is_file():
        raise StreamError(f"{text} is not a file; give a video file")
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise StreamError(f"{text} is empty")
    except OSError as error:
        raise StreamError(f"cannot read {text}: {error.strerror}") from error
    return Source(text, "file", path.resolve().as_uri(), path)


def decoder(source: Source, keep: str = ""):
    """An element that decodes a source, and the one whose `pad-added` announces its pads.

    Parameters
    ----------
    keep
        Caps of encoded sound that is handed out as it is.
    """
    from .gstreamer import Gst, make

    if source.kind == "camera":
        made = Gst.parse_bin_from_description(
            f"v4l2src device={source.uri} ! decodebin name=decode", False
        )
        return made, made.get_by_name("decode")
    made = make("uridecodebin", uri=source.uri)
    if keep:
        made.connect("autoplug-continue", _continue, Gst.Caps.from_string(keep))
    return made, made


def is_reading(element) -> bool:
    """Whether any source or demuxer inside a decoder is still at work.

    Note: decodebin can lose a demuxer's error that comes while it is being plugged. Then nothing
    will ever come, and nothing says so.
    """
    from .gstreamer import members

    return any(_has_task(child) for child in members(element.iterate_recurse()))


def _has_task(element) -> bool:
    from .gstreamer import Gst, members

    kind = element.get_factory().get_metadata("klass") if element.get_factory() else ""
    if not any(word in kind for word in ("Source", "Demux", "Parser", "Generic")):
        return False
    pads = members(element.iterate_pads())
    return any(pad.get_task_state() == Gst.TaskState.STARTED for pad in pads)


def _continue(_bin, _pad, caps, keep) -> bool:
    """Whether a stream needs more parsing or decoding before it is handed out."""
    if not caps.is_fixed() or not caps.can_intersect(keep):
        return True
    whole = (caps.get_structure(0).get_boolean(key) for key in ("framed", "parsed"))
    return not any(known and value for known, value in whole)


def test_pictures(seconds: float = 12.0) -> Iterator:
    """Times in nanoseconds and pictures of the rendered scene, uint8 [height, width, 3] RGB."""
    from ..scene.story import frame_times, story

    number = 0
    for act in story(seconds):
        for frame in act.scene.frames(frame_times(act, TEST_FPS), TEST_SIZE):
            yield number * 1_000_000_000 // TEST_FPS, frame
            number += 1


def test_buffers(seconds: float) -> Iterator:
    """The rendered scene as Gst.Buffers of `TEST_CAPS`."""
    from .gstreamer import Gst

    for pts, frame in test_pictures(seconds):
        buffer = Gst.Buffer.new_wrapped(frame.tobytes())
        buffer.pts = pts
        buffer.duration = Gst.SECOND // TEST_FPS
        yield buffer
