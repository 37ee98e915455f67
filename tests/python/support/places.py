"""Where the tests find the repository, and what other processes import of theirs."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "golden"
SUPPORT = Path(__file__).resolve().parent
NETWORKS = SUPPORT.with_name("networks")
