"""The demo pipeline at 1280×720: paced as a camera is, and as fast as it goes; memory.

Usage: python tests/perf/pipeline.py [VIDEO] [--repeats N]
Without VIDEO the demo's is rendered first. Each figure is the median of the repeats, each in a
process of its own; exit status 1 when one misses its limit. "explanations a second" are of the
video's time, from the first one on; with hop=3 at
15 sampled frames a second 5 are due.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# (figure, mode, unit, limit, whether more is better)
FIGURES = (
    ("frames shown in time", "paced", "%", 100.0, True),
    ("frames a second", "paced", "1/s", 29.5, True),
    ("explanations a second", "paced", "1/s", 4.0, True),
    ("windows dropped", "paced", "", 0.0, False),
    ("peak memory", "paced", "MiB", 700.0, False),
    ("frames a second", "fast", "1/s", 90.0, True),
    ("explanations a second", "fast", "1/s", 4.0, True),
    ("peak memory", "fast", "MiB", 700.0, False),
    ("frames a second", "file", "1/s", None, True),
    ("peak memory", "file", "MiB", 700.0, False),
    ("import tubecam", "import", "ms", 300.0, False),
)
# A paced frame that comes later than half a frame's time is not shown, as on a screen.
SINKS = {
    "paced": "fakesink name=sink sync=true qos=true max-lateness=16000000",
    "fast": "fakesink name=sink sync=false",
    "file": "x264enc pass=qual quantizer=20 speed-preset=veryfast bframes=0 ! mp4mux"
    " ! filesink name=sink location=/dev/null",
}


def play(video: str, mode: str) -> dict[str, float]:
    """Plays the pipeline once in this process."""
    from tubecam.bundle.packaged import find_bundle
    from tubecam.video.gstreamer import Gst

    late = "drop" if mode == "paced" else "wait"
    pipeline = Gst.parse_launch(
        f"filesrc location={video} ! decodebin ! queue max-size-buffers=4"
        f" ! tubecam name=explain bundle={find_bundle()} hop=3 late-windows={late}"
        f" ! tubeoverlay ! queue max-size-buffers=4 ! {SINKS[mode]}"
    )
    frames, begins = [0], []

    def count(_pad, _info):
        frames[0] += 1
        return Gst.PadProbeReturn.OK

    explain = pipeline.get_by_name("explain")
    explain.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, count)
    pipeline.set_state(Gst.State.PAUSED)
    pipeline.get_state(30 * Gst.SECOND)
    begin = time.perf_counter()
    pipeline.set_state(Gst.State.PLAYING)
    ends = Gst.MessageType.EOS | Gst.MessageType.ERROR
    kinds = ends | Gst.MessageType.ELEMENT
    while message := pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, kinds):
        if message.type != Gst.MessageType.ELEMENT:
            break
        if message.src == explain:
            begins.append(message.get_structure().get_value("timestamp") / 1e9)
    seconds = time.perf_counter() - begin
    if message is None or message.type == Gst.MessageType.ERROR:
        raise SystemExit("timed out" if message is None else str(message.parse_error()))
    dropped = explain.get_property("dropped-windows")
    shown = frames[0]
    if mode == "paced":
        shown = pipeline.get_by_name("sink").get_property("stats").get_value("rendered")
    pipeline.set_state(Gst.State.NULL)
    return {
        "frames shown in time": 100 * shown / frames[0],
        "frames a second": frames[0] / seconds,
        "explanations a second": (len(begins) - 1) / (begins[-1] - begins[0]),
        "windows dropped": dropped,
        "peak memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure(video: str, mode: str) -> dict[str, float]:
    """One repeat in a fresh process."""
    if mode == "import":
        code = "import time; t = time.perf_counter(); import tubecam; tubecam.__version__\n"
        code += "print((time.perf_counter() - t) * 1e3)"
        command = [sys.executable, "-c", code]
        return {"import tubecam": float(subprocess.check_output(command, text=True))}
    command = [sys.executable, __file__, video, "--only", mode]
    return json.loads(subprocess.check_output(command, text=True))


def report(video: str, repeats: int) -> bool:
    """Prints the table; whether every figure keeps its limit."""
    modes = list(dict.fromkeys(mode for _, mode, *_ in FIGURES))
    runs = {mode: [] for mode in modes}
    for _ in range(repeats):  # interleaved, so that a busy moment does not fall on one mode alone
        for mode in modes:
            runs[mode].append(measure(video, mode))
    good = True
    print(f"{'mode':8}{'figure':24}{'median':>10}  {'limit':14}")
    for name, mode, unit, limit, more in FIGURES:
        value = statistics.median(run[name] for run in runs[mode])
        kept = limit is None or (value >= limit if more else value <= limit)
        good &= kept
        rule = "" if limit is None else f"{'≥' if more else '≤'} {limit:g} {unit}"
        print(f"{mode:8}{name:24}{value:10.1f}  {rule:14}{'' if kept else '  MISSED'}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", nargs="?")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=SINKS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        print(json.dumps(play(args.video, args.only)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        video = args.video
        if video is None:
            from tubecam.video.write_scene import write_demo_video

            video = str(Path(folder) / "demo.mp4")
            write_demo_video(video)
        return 0 if report(video, args.repeats) else 1


if __name__ == "__main__":
    sys.exit(main())
