"""The video file that a run writes: its container, its encoders, and checks before the work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import OutputError, UnavailableError, UsageError


@dataclass(frozen=True)
class Container:
    """A file format: its muxer, encoders in order of preference, and audio that is kept as it is.

    Attributes
    ----------
    copy
        Parser by caps: encoded audio that the container takes unchanged.
    """

    muxer: str
    video: tuple[str, ...]
    audio: tuple[str, ...]
    copy: dict[str, str]

    @property
    def copy_caps(self) -> str:
        return "; ".join(self.copy)

    def parser(self, caps) -> str:
        """The parser of encoded audio that is kept as it is, by its Gst.Caps."""
        from .gstreamer import Gst

        known = ((Gst.Caps.from_string(kept), name) for kept, name in self.copy.items())
        return next(name for kept, name in known if caps.can_intersect(kept))


_AAC = {"audio/mpeg,mpegversion=4": "aacparse"}
_MP3 = {"audio/mpeg,mpegversion=1,layer=3": "mpegaudioparse"}
_AC3 = {"audio/x-ac3": "ac3parse"}
_OPUS = {"audio/x-opus": "opusparse"}
_FREE = {"audio/x-flac": "flacparse", "audio/x-vorbis": "vorbisparse"}

# Constant quality; no B-frames, so that times stay as they are.
_H264 = (
    "x264enc pass=qual quantizer=20 speed-preset=veryfast bframes=0 key-int-max=30",
    "openh264enc bitrate=6000000 gop-size=30 complexity=low",
)
_VP8 = (
    "vp8enc end-usage=cq cq-level=10 min-quantizer=4 target-bitrate=8000000 deadline=1 cpu-used=8",
)
# A fragment a second keeps the file playable even when the process is killed; at the end the
# file is rewritten as an ordinary one.
_SAFE = "fragment-duration=1000 fragment-mode=first-moov-then-finalise"
_SCREENS = ("/dev/dri/card0", "/dev/dri/card1", "/dev/fb0")
_AAC_ENCODERS = ("avenc_aac", "voaacenc")

CONTAINERS = {
    ".mp4": Container(f"mp4mux {_SAFE}", _H264, _AAC_ENCODERS, {**_AAC, **_MP3, **_AC3, **_OPUS}),
    ".mov": Container(f"qtmux {_SAFE}", _H264, _AAC_ENCODERS, {**_AAC, **_MP3}),
    ".mkv": Container(
        "matroskamux", _H264, _AAC_ENCODERS, {**_AAC, **_MP3, **_AC3, **_OPUS, **_FREE}
    ),
    ".webm": Container(
        "webmmux", _VP8, ("opusenc", "vorbisenc"), {**_OPUS, "audio/x-vorbis": "vorbisparse"}
    ),
}


def container_of(path: Path) -> Container:
    """The container that a file's name asks for; UsageError names those that are known."""
    try:
        return CONTAINERS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(CONTAINERS)
        raise UsageError(f"{path}: the output's name must end in one of {known}") from None


def first_installed(launches: tuple[str, ...]) -> str:
    """The first of several launch lines whose element is installed."""
    from .gstreamer import has, package_of

    for launch in launches:
        if has(launch.split()[0]):
            return launch
    names = " or ".join(launch.split()[0] for launch in launches)
    package = package_of(launches[0].split()[0])
    raise UnavailableError(
        f"no encoder is installed ({names}); install one with `sudo apt-get install {package}`"
    )


def check_encoders(container: Container) -> None:
    """Raises UnavailableError, naming the package, when the container cannot be written."""
    for launches in ((container.muxer,), container.video, container.audio):
        first_installed(launches)


def check_writable(path: Path, source: Path | None, overwrite: bool) -> None:
    """Raises what would otherwise be found only after the work.

    Raises
    ------
    UsageError
        The output is the input, or exists and `overwrite` is not set.
    OutputError
        The folder is missing or cannot be written to.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give the name of a file")
    if path.exists():
        if source is not None and path.samefile(source):
            raise UsageError(f"{path} is the input itself; give the output another name")
        if path.is_file() and not overwrite:  # a pipe or a device holds nothing
            raise UsageError(f"{path} exists; give another name, or --overwrite")
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"there is no folder {folder} to write {path.name} to")
    probe = path if path.exists() else partial_name(path)
    fresh = not probe.exists()
    try:
        probe.open("ab").close()
        if fresh:
            probe.unlink()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def check_remains(path: Path, overwrite: bool) -> None:
    """Raises UsageError where a run that was killed left a video, which a new one would replace."""
    part = partial_name(path)
    if not overwrite and is_playable(part):
        raise UsageError(
            f"{part} is what a run that was killed has left: move it away, or say --overwrite"
        )


def has_screen() -> bool:
    """Whether a video can be shown; some of GStreamer's sinks crash where it cannot."""
    named = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return named or any(map(os.path.exists, _SCREENS))


def is_playable(path: Path) -> bool:
    """Whether a file that was cut short can be played: an MP4 cannot before its header is there."""
    if path.suffix.lower() not in (".mp4", ".mov"):
        return path.is_file() and path.stat().st_size > 0
    try:
        with path.open("rb") as file:
            while len(head := file.read(16)) >= 8:
                size, kind = int.from_bytes(head[:4], "big"), head[4:8]
                size = int.from_bytes(head[8:], "big") if size == 1 else size
                if kind == b"moov" or size < 8:
                    return kind == b"moov"
                file.seek(size - len(head), 1)
    except OSError:
        pass
    return False


def partial_name(path: Path) -> Path:
    """Where a file is written until it is whole: `out.partial.mp4` for `out.mp4`."""
    return path.with_name(f"{path.stem}.partial{path.suffix}")
