"""GStreamer for Python, ready to use, and its messages in words for people."""

from __future__ import annotations

import os
import re

from ..errors import StreamError, UnavailableError
from ..libraries import plugin_path
from ..libraries.extras import needed_for
from ..text.redaction import redact
from .elements import OWN, TYPELIBS, package_of

with needed_for("GStreamer in Python", "video"):
    import gi

try:
    gi.require_version("Gst", "1.0")
    gi.require_version("GstApp", "1.0")
    gi.require_version("GstBase", "1.0")
    gi.require_version("GstVideo", "1.0")
    # GstApp adds appsink's and appsrc's methods.
    from gi.repository import GLib, GObject, Gst, GstApp, GstBase, GstVideo  # noqa: F401
except (ImportError, ValueError) as error:
    raise UnavailableError(
        f"GStreamer's descriptions for Python are missing ({error}); install them with"
        f" `sudo apt-get install {TYPELIBS}`"
    ) from error


def initialise() -> None:
    """Starts GStreamer once, with this package's elements on its search path."""
    if not Gst.is_initialized():
        os.environ["GST_PLUGIN_PATH"] = plugin_path.search_path()
        Gst.init(None)
    elif not has("tubecam"):
        Gst.Registry.get().scan_path(str(plugin_path.PLUGIN_DIR))


def has(element: str) -> bool:
    """Whether an element is installed."""
    return Gst.ElementFactory.find(element) is not None


def make(element: str, **properties) -> Gst.Element:
    """A new element; properties with `_` for `-`, strings are parsed as in a launch line.

    Raises
    ------
    UnavailableError
        The element is not installed; the message names its package.
    """
    made = Gst.ElementFactory.make(element, None)
    if made is None and element in OWN:
        raise UnavailableError(
            f"GStreamer does not find TubeCAM's element `{element}`; `tubecam doctor` says why"
        )
    if made is None:
        raise UnavailableError(
            f"GStreamer's element `{element}` is missing;"
            f" install it with `sudo apt-get install {package_of(element)}`"
        )
    for name, value in properties.items():
        name = name.replace("_", "-")
        is_text = made.find_property(name).value_type == GObject.TYPE_STRING
        if isinstance(value, str) and not is_text:
            Gst.util_set_object_arg(made, name, value)
        else:
            made.set_property(name, value)
    return made


def make_launch(text: str) -> Gst.Element:
    """A new element from `name property=value …`."""
    name, *pairs = text.split()
    return make(name, **dict(pair.split("=", 1) for pair in pairs))


def chain(bin_: Gst.Bin, *elements: Gst.Element) -> tuple[Gst.Element, ...]:
    """Adds the elements that are new to a bin, links all in order, and gives them back."""
    for element in elements:
        if element.get_parent() is None:
            bin_.add(element)
    for left, right in zip(elements, elements[1:]):
        if not left.link(right):
            raise StreamError(f"GStreamer cannot link {left.name} to {right.name}")
    return elements


def members(iterator: Gst.Iterator) -> list:
    """All that an iterator gives, as `element.iterate_pads()` or `bin.iterate_recurse()`.

    Lists that are read as fields (`element.pads`) are not locked: where a streaming thread adds to
    one meanwhile, PyGObject writes beyond the end of what it makes of it.
    """
    found: list = []
    while True:
        result, member = iterator.next()
        if result == Gst.IteratorResult.OK:
            found.append(member)
        elif result == Gst.IteratorResult.RESYNC:
            iterator.resync()
            found.clear()
        else:
            return found


def factory_name(element: Gst.Object | None) -> str:
    """The kind of an element, or nothing."""
    factory = element.get_factory() if isinstance(element, Gst.Element) else None
    return factory.get_name() if factory is not None else ""


def sentence(message: Gst.Message, source: str) -> str:
    """An error or warning message as a sentence about `source`, the input's name."""
    return redact(_sentence(message, source))


def _sentence(message: Gst.Message, source: str) -> str:
    parse = message.parse_error if message.type == Gst.MessageType.ERROR else message.parse_warning
    error, detail = parse()
    text = error.message.strip().rstrip(".")
    stream = Gst.StreamError
    missing = error.domain == "gst-core-error-quark" and error.code == Gst.CoreError.MISSING_PLUGIN
    unknown = error.domain == "gst-stream-error-quark" and error.code == stream.CODEC_NOT_FOUND
    if missing and "URI handler" in text:
        return f"{source}: nothing that is installed opens such an address"
    if missing or unknown:
        return _missing_decoder(source, detail or "")
    known = {
        stream.TYPE_NOT_FOUND: f"{source} is not a video: its format is not recognised",
        stream.WRONG_TYPE: f"{source} is not a video: {text}",
        stream.DEMUX: f"{source} is damaged or incomplete: {text}",
        stream.DECODE: f"{source} is damaged: {text}",
    }
    if error.domain == "gst-stream-error-quark" and error.code in map(int, known):
        return known[stream(error.code)]
    if factory_name(message.src) in ("tubecam", "tubeoverlay"):
        return text
    if "not-negotiated" in (detail or ""):
        return f"{source}: its pictures have a size or format that cannot be used"
    last = (detail or "").strip().splitlines()[-1:]
    generic = "internal data" in text.lower() or "could not" in text.lower()
    more = f": {last[0].strip()}" if generic and last else ""
    return f"{source}: {text}{more}"


def why_not_written(message: Gst.Message) -> str:
    """What the system said of a file that a sink could not write: `No space left on device`."""
    error, detail = message.parse_error()
    full = (
        error.domain == "gst-resource-error-quark" and error.code == Gst.ResourceError.NO_SPACE_LEFT
    )
    last = (detail or "").strip().splitlines()[-1:] or [error.message]
    return "no space left on the device" if full else last[0].rpartition(": ")[2].strip(" .")


def _missing_decoder(source: str, detail: str) -> str:
    """Which decoder of pictures is missing; those of sound are not even asked for."""
    names = re.findall(r"Missing decoder: (.+?) \((?:video|image)/", detail)
    if "Missing decoder: " in detail and not names:
        return f"{source} has no video"
    return (
        f"{source} needs a decoder that is not installed ({', '.join(names) or 'unknown'});"
        " try `sudo apt-get install gstreamer1.0-libav gstreamer1.0-plugins-bad`"
    )


initialise()
