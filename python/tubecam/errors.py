"""Errors that TubeCAM raises. Each message says what was wrong, where, and what to do."""

from __future__ import annotations


class TubecamError(Exception):
    """Base of all errors of this package. The command line answers with exit status 1."""


class UsageError(TubecamError, ValueError):
    """An argument is wrong: shape, dtype, range, name. The command line exits with status 2."""


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
