"""GStreamer's elements that TubeCAM takes, and the Debian and Ubuntu packages that have them."""

from __future__ import annotations

OWN = ("tubecam", "tubeoverlay")
# What PyGObject reads to know GStreamer.
TYPELIBS = "gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0"

# For reading, showing and writing the usual files, cameras and streams.
NEEDED = {
    "gstreamer1.0-plugins-base": "appsink appsrc audioconvert audioresample decodebin uridecodebin"
    " videoconvert videorate videoscale videotestsrc",
    "gstreamer1.0-plugins-good": "aacparse autovideosink matroskamux mp4mux qtdemux rtph264depay"
    " rtspsrc v4l2src videocrop videoflip",
    "gstreamer1.0-plugins-bad": "h264parse",
    "gstreamer1.0-plugins-ugly": "x264enc",
    "gstreamer1.0-libav": "avdec_h264 avenc_aac",
}

# For some formats only, or in place of others.
_OPTIONAL = {
    "gstreamer1.0-plugins-base": "opusenc vorbisenc",
    "gstreamer1.0-plugins-good": "qtmux vp8enc webmmux",
    "gstreamer1.0-plugins-bad": "openh264enc opusparse voaacenc",
    "gstreamer1.0-libav": "avenc_h264",
}


def package_of(element: str) -> str:
    """The package that an element comes from; plugins-good for one that is not known here."""
    for packages in (NEEDED, _OPTIONAL):
        for package, elements in packages.items():
            if element in elements.split():
                return package
    return "gstreamer1.0-plugins-good"
