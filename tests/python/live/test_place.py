"""Heat lies where it belongs when elements change the picture behind `tubecam`, or is not drawn.

Changed and then drawn on is the same as drawn on and then changed.
"""

from __future__ import annotations

import numpy as np
import pytest

import parts
import tiny_bundle

gst = parts.require("plugin")

from pipelines import Played, play  # noqa: E402
from tubecam.video import metadata  # noqa: E402

Gst = gst.Gst
# From here on elements other than scalers tell what they do.
TELLS = Gst.version() >= (1, 28)
SIZE = "width=64,height=48"
DRAW = "tubeoverlay name=o show-label=false show-strip=false threshold=0 alpha=1"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """With more cells than a coarse grid has, whose cells are drawn apart by whole pixels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_bundle, "SIZE", 32)
        patch.setattr(tiny_bundle, "CELLS", (4, 8, 8))
        return tiny_bundle.write(tmp_path_factory.mktemp("tiny"))


def explained(bundle) -> str:
    caps = f"video/x-raw,format=RGB,framerate=15/1,{SIZE}"
    source = f"videotestsrc num-buffers=20 pattern=ball ! {caps}"
    return f"{source} ! tubecam name=t bundle={bundle} align=delayed target=1"


def changed_then_drawn(bundle, change: str) -> Played:
    return play(f"{explained(bundle)} ! {change} ! identity name=i ! {DRAW} ! fakesink",
                probed=("t", "i"), pixels=("i", "o"))  # fmt: skip


def drawn_then_changed(bundle, change: str) -> Played:
    return play(f"{explained(bundle)} ! {DRAW} ! {change} ! identity name=c ! fakesink",
                probed=(), pixels=("c",))  # fmt: skip


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def assert_in_place(bundle, change: str) -> None:
    played, expected = changed_then_drawn(bundle, change), drawn_then_changed(bundle, change)
    assert played.warnings == []
    for plain, drawn, right in zip(
        played.pixels["i"], played.pixels["o"], expected.pixels["c"], strict=True
    ):
        assert difference(drawn, right) < 0.1 * difference(plain, right)


def assert_told(bundle, change: str, name: str) -> None:
    played = changed_then_drawn(bundle, change)
    assert len(played.frames["t"]) == 20 and all(f for _, f in played.frames["t"])
    assert all((a == b).all() for a, b in zip(played.pixels["i"], played.pixels["o"]))
    assert len(played.warnings) == 1, played.warnings
    assert name in played.warnings[0] and "before tubecam" in played.warnings[0]


@pytest.mark.parametrize(
    "change",
    [
        "queue",
        "tee",
        "videorate",
        "videobalance saturation=0.9",
        "videoscale method=nearest-neighbour ! video/x-raw,width=192,height=144",
        "videoscale method=nearest-neighbour ! video/x-raw,width=192,height=48",
        "videocrop left=0",
    ],
)
def test_heat_stays_where_the_picture_is_only_scaled(bundle, change):
    assert_in_place(bundle, change)


@pytest.mark.parametrize(
    "change",
    [
        "videocrop left=10 top=6",
        "videocrop right=16 bottom=8",
        "videoflip video-direction=horiz",
        "videoflip video-direction=vert",
        "videoflip video-direction=180",
        "videoflip video-direction=90r",
        "videoflip video-direction=90l",
        "videoflip video-direction=ul-lr",
        "videoflip video-direction=ur-ll",
        "aspectratiocrop aspect-ratio=1/1",
        "videobox left=-8 top=-4",
        "videobox right=12 bottom=-10",
        "videocrop top=8 ! videoflip video-direction=90r ! videocrop left=4",
        "videoscale method=0 ! video/x-raw,width=96,height=96,pixel-aspect-ratio=1/1",
    ],
)
def test_heat_follows_or_is_not_drawn_and_that_is_told(bundle, change):
    if TELLS:
        assert_in_place(bundle, change)
    else:
        names = [part.split()[0] for part in change.split("!") if "video/" not in part]
        assert_told(bundle, change, names[0])


def test_colour_conversion_leaves_it_in_place(bundle):
    back = "videoconvert ! video/x-raw,format=I420 ! videoconvert ! video/x-raw,format=RGB"
    assert_in_place(bundle, back)


def test_a_mixers_frames_follow_or_that_is_told(bundle):
    if TELLS:
        assert_in_place(bundle, "compositor")
    else:
        played = changed_then_drawn(bundle, "compositor")
        assert all((a == b).all() for a, b in zip(played.pixels["i"], played.pixels["o"]))
        assert len(played.warnings) == 1 and "compositor" in played.warnings[0]


def test_the_wrong_order_is_told(bundle):
    caps = f"video/x-raw,format=RGB,framerate=15/1,{SIZE}"
    line = f"videotestsrc num-buffers=5 ! {caps} ! {DRAW} ! tubecam bundle={bundle} ! fakesink"
    played = play(line, probed=())
    assert any("put tubecam before" in text for text in played.warnings)


@pytest.mark.parametrize(
    "change",
    [
        "videoconvert ! video/x-raw,format=NV12",
        "videoscale ! video/x-raw,width=128,height=96",
        "videoscale ! video/x-raw,width=128,height=96 ! videoconvert ! video/x-raw,format=BGRx",
    ],
)
def test_regions_keep_label_score_and_relevance(bundle, change):
    from gi.repository import GstVideo

    found = []

    def probe(_pad, info):
        buffer = info.get_buffer()
        fields = metadata.read(buffer)
        for i, (x, _, width, _, value) in enumerate(fields["boxes"]):
            region = GstVideo.buffer_get_video_region_of_interest_meta_id(buffer, i)
            parameters = region.get_param("tubecam")
            assert parameters.get_string("label") == fields["label"]
            assert parameters.get_double("score")[1] == fields["score"]
            assert parameters.get_double("relevance")[1] == pytest.approx(value, rel=1e-6)
            assert abs(region.x - x * fields["frame-width"]) <= 2
            assert abs(region.w - width * fields["frame-width"]) <= 3
            found.append(i)
        return Gst.PadProbeReturn.OK

    def prepare(pipeline):
        pad = pipeline.get_by_name("i").get_static_pad("src")
        pad.add_probe(Gst.PadProbeType.BUFFER, probe)

    line = f"{explained(bundle)} ! {change} ! identity name=i ! fakesink"
    play(line, probed=(), prepare=prepare)
    assert found
