"""Shared libraries that the package brings or needs, and where they lie."""
