"""Read explanations from the buffers of a GStreamer pipeline."""

import tubecam
from tubecam.video.gstreamer import Gst, initialise

initialise()
pipeline = Gst.parse_launch(
    "videotestsrc num-buffers=40 pattern=ball ! video/x-raw,width=320,height=180,framerate=30/1"
    " ! tubecam name=explain align=delayed ! fakesink"
)


def on_frame(pad, info):
    if fields := tubecam.read_metadata(info.get_buffer()):
        print(fields["label"], fields["score"], fields["tube"].shape)
    return Gst.PadProbeReturn.OK


pipeline.get_by_name("explain").get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, on_frame)
pipeline.set_state(Gst.State.PLAYING)
pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
pipeline.set_state(Gst.State.NULL)
