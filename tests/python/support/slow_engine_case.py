"""What test_slow_engine.py runs beside an engine that is too slow for a live source."""

from __future__ import annotations

import json
import sys

from pipelines import play
from tubecam.video.gstreamer import Gst, initialise


def run(bundle: str, frames: int) -> dict[str, int]:
    counts = {}

    def finish(pipeline):
        element, sink = (pipeline.get_by_name(name) for name in "ts")
        counts["windows"] = element.get_property("windows")
        counts["dropped"] = element.get_property("dropped-windows")
        counts["rendered"] = sink.get_property("stats").get_value("rendered")

    caps = "video/x-raw,format=RGB,width=64,height=48,framerate=30/1"
    late = f"max-lateness={20 * Gst.MSECOND} processing-deadline={60 * Gst.MSECOND}"
    played = play(
        f"videotestsrc is-live=true num-buffers={frames} ! {caps} ! tubecam name=t bundle={bundle}"
        f" hop=2 align=delayed device=cuda:0 ! fakesink name=s sync=true {late}",
        finish=finish,
    )
    counts["explained"] = sum(fields is not None for _, fields in played.frames["t"])
    return counts


if __name__ == "__main__":
    initialise()
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]))))
