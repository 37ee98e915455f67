"""The one place that states the version: the build, the wheel and the C++ core read it here."""

__version__ = "0.2.0"
