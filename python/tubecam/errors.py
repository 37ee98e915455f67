"""Errors that TubeCAM raises. Each message says what was wrong, where, and what to do."""

from __future__ import annotations

# What the command line answers with; a signal that ends it answers with 128 and its number.
EXIT_STATUS = {
    0: "done",
    1: "failed",
    2: "wrong usage",
    3: "done, but the input is damaged: the outputs hold what could be read",
    4: "a camera or network source cannot be reached, ended or stood still",
    5: "an output could not be written to its end",
    129: "hung up (SIGHUP)",
    130: "interrupted (Ctrl-C, SIGINT)",
    143: "terminated (SIGTERM)",
}


class TubecamError(Exception):
    """Base of all errors of this package. `exit_status` is the command line's answer to it."""

    exit_status = 1


class UsageError(TubecamError, ValueError):
    """An argument is wrong: shape, dtype, range, name."""

    exit_status = 2


class BundleError(TubecamError):
    """A bundle is missing, newer than this runtime, tampered with or inconsistent."""


class EngineError(TubecamError):
    """An inference engine could not load or run a graph."""


class UnavailableError(TubecamError):
    """A part was not built or is not installed; the message names the option or the command."""


class DeviceError(TubecamError):
    """A device failed, was lost or has too little memory."""


class ExportError(TubecamError):
    """A model could not be exported, or its explanation does not agree with autograd."""


class StreamError(TubecamError):
    """A video could not be opened, decoded or written."""


class DamageError(StreamError):
    """Parts of a video are missing or broken; all that could be read was explained."""

    exit_status = 3


class SourceLostError(StreamError):
    """A camera or a network source cannot be reached, ended, or stood still."""

    exit_status = 4


class OutputError(StreamError):
    """An output could not be written to its end, for instance because the disk is full."""

    exit_status = 5


class StreamWarning(UserWarning):
    """Something about a video that was read in Python is not as it should be; it says what."""


class DamageWarning(StreamWarning):
    """Parts of a video that was read in Python are missing or broken."""
