"""Windows of the user's videos, cut and preprocessed as the runtime does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ... import _core
from ...errors import StreamError, UsageError
from ...video.source import Source, parse_source
from ..spec import ClipSpec
from ..trace.model_input import packed

SUFFIXES = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv"}
MOST_WINDOWS = 48
LEAST = 4  # windows: three to calibrate with, one to measure on
MOST_BYTES = 768 << 20
READ_ON = 16  # times a clip's share of windows are looked at, so that a long video ends


@dataclass(frozen=True)
class CalibrationClips:
    """What to calibrate with, and what to measure on that was not calibrated with.

    Attributes
    ----------
    seen, unseen : list of float32 [1, T, 3, H, W]
        5 channels with optical flow (``model_input.py``).
    names : tuple of str
        The clips, as file names.
    held_out : tuple of str
        Those of `names` that only `unseen` has; empty where both share their clips.
    skipped : tuple of str
        Files of a folder that could not be used.
    """

    seen: list[np.ndarray]
    unseen: list[np.ndarray]
    names: tuple[str, ...]
    held_out: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def sidecar(self) -> dict:
        return {
            "clips": list(self.names[:100]), "clip_count": len(self.names),
            "windows": len(self.seen), "held_out_windows": len(self.unseen),
            "held_out_clips": list(self.held_out[:100]),
        }  # fmt: skip


def find_clips(texts: Sequence[str | Path]) -> list[tuple[Source, bool]]:
    """The videos meant, and whether each was found in a folder, in a fixed order.

    Raises
    ------
    UsageError
        None is named, a folder holds no video, or something live is named.
    StreamError
        There is no such file.
    """
    found: list[tuple[Source, bool]] = []
    for text in map(str, texts):
        if Path(text).is_dir():
            files = sorted(p for p in Path(text).rglob("*") if p.suffix.lower() in SUFFIXES)
            if not files:
                known = " ".join(sorted(SUFFIXES))
                raise UsageError(f"the folder {text} holds no video ({known}) to calibrate with.")
            found += [(parse_source(str(path)), True) for path in files if path.stat().st_size]
            continue
        source = parse_source(text)
        if source.kind not in ("file", "test"):
            raise UsageError(f"{text} cannot be calibrated with: name video files or folders.")
        found.append((source, False))
    if not found:
        raise UsageError(
            "int8 needs clips to calibrate with, videos like those that the model will see: "
            "--calibrate VIDEO_OR_FOLDER (calibrate=[…])."
        )
    return found


def read_windows(
    texts: Sequence[str | Path],
    spec: ClipSpec,
    most: int = MOST_WINDOWS,
    log: Callable[[str], object] = lambda text: None,
) -> CalibrationClips:
    """Cuts `most` windows that do not overlap, spread evenly over all clips.

    A quarter is held out: of four clips or more whole clips, else every fourth window.

    Raises
    ------
    UsageError, StreamError
        As `find_clips`; a file that was named is no video; there are fewer than four
        windows.
    """
    sources = find_clips(texts)
    size = 4 * int(np.prod(spec.input_shape))
    most = max(LEAST, min(most, MOST_BYTES // size))
    share = max(1, -(-most // len(sources)))
    first = range(len(sources))
    if len(sources) > most:  # no more clips than windows; the others step in for what is no use
        first = [i * len(sources) // most for i in range(most)]
    found: dict[int, list[np.ndarray]] = {}
    skipped = []
    for place in (*first, *sorted(set(range(len(sources))).difference(first))):
        if place not in first and len(found) >= most:
            break
        source, in_folder = sources[place]
        try:
            found[place] = _spread(source, spec, share)
        except StreamError as error:
            if not in_folder:
                raise
            skipped.append(_name(source))
            log(f"left out: {error}")
    clips = [(_name(sources[place][0]), found[place]) for place in sorted(found)]
    return _divided(clips, skipped, spec)


def _divided(
    clips: list[tuple[str, list[np.ndarray]]], skipped: list[str], spec: ClipSpec
) -> CalibrationClips:
    count = sum(len(windows) for _, windows in clips)
    if count < LEAST:
        seconds = LEAST * spec.length / spec.sample_fps
        raise UsageError(
            f"the clips to calibrate with make {count} windows that do not overlap, and {LEAST} "
            f"are needed at least: name longer ones or more, {seconds:.1f} s in all."
        )
    names = tuple(name for name, _ in clips)
    by_clip = len(clips) >= 4
    parts = [windows for _, windows in clips]
    if not by_clip:
        parts = [[window] for windows in parts for window in windows]
    seen = [x for i, windows in enumerate(parts) if i % 4 != 3 for x in windows]
    unseen = [x for windows in parts[3::4] for x in windows]
    held_out = names[3::4] if by_clip else ()
    return CalibrationClips(seen, unseen, names, held_out, tuple(skipped))


def _spread(source: Source, spec: ClipSpec, share: int) -> list[np.ndarray]:
    """At most `share` windows, evenly spaced."""
    kept: list[np.ndarray] = []
    step = 1
    for number, clip in enumerate(cut(source, spec)):
        if number % step == 0:
            kept.append(clip)
        if len(kept) > share:
            kept, step = kept[::2], 2 * step
        if number + 1 >= READ_ON * share:
            break
    return kept


def cut(source: Source, spec: ClipSpec) -> Iterator[np.ndarray]:
    """A video's windows, one after the other, float32 [1, T, C, H, W].

    One that is shorter than a window gives one that its last frame fills up, as it does when it is
    explained.
    """
    from ...video.reader import read_frames

    core = spec.core()
    window, flow = _core.ClipWindow(core, spec.length), None
    if spec.flow is not None:
        flow = _core.ClipFlow(core)
    found = False
    for pts, frame in read_frames(source):
        if window.push(frame, pts):
            found = True
            yield _clip(window, flow)
    if not found and window.pad("last"):
        yield _clip(window, flow)


def _clip(window: _core.ClipWindow, flow: _core.ClipFlow | None) -> np.ndarray:
    clip = np.array(window.clip(), np.float32)
    return clip[None] if flow is None else _packed(clip, flow.run(clip))


def _packed(clip: np.ndarray, flow: np.ndarray) -> np.ndarray:
    return packed(*(torch.from_numpy(np.array(x))[None] for x in (clip, flow))).numpy()


def _name(source: Source) -> str:
    return source.path.name if source.path is not None else source.name
