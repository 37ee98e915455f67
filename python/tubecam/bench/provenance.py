"""Where figures come from: machine, clocks, versions, threads, bundle."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .._version import __version__
from ..bundle.bundle import Bundle

_PACKAGES = (
    "openvino", "torch", "onnx", "onnxruntime", "numpy", "captum", "grad-cam", "torchcam", "zennit"
)  # fmt: skip
_CPU = Path("/sys/devices/system/cpu")


def provenance(bundle: Bundle, threads: int) -> dict[str, Any]:
    """All that is readable without special rights; what is not is left out."""
    return {
        "tubecam": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": cpu(),
        "gpu": gpus(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_at_start": list(os.getloadavg()),
        "threads": threads,
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "bundle": {
            "name": bundle.name,
            "files": bundle.sidecar["files"],
            "precision": bundle.precision,
            "source": bundle.sidecar["provenance"].get("source", ""),
        },
    }


def cpu() -> dict[str, Any]:
    """Model, usable cores, instruction sets that matter, clocks in MHz, governor, cgroup limit."""
    info = _read(Path("/proc/cpuinfo"))
    facts = dict(line.split(":", 1) for line in reversed(info.splitlines()) if line.count(":") >= 1)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    clocks = [float(line.split(":")[1]) for line in info.splitlines() if line.startswith("cpu MHz")]
    wanted = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_tile", "avx512_bf16")
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    found = {
        "model": facts.get("model name") or _device_tree() or platform.processor(),
        "usable_cores": usable_cores(),
        "instructions": [f for f in (*wanted, "asimd", "asimddp", "bf16") if f in flags],
        "clock_mhz": [min(clocks), max(clocks)] if clocks else None,
        "clock_limit_mhz": _number(_CPU / "cpu0/cpufreq/cpuinfo_max_freq", 1e-3),
        "governor": _read(_CPU / "cpu0/cpufreq/scaling_governor").strip(),
        "cgroup_limit": _read(Path("/sys/fs/cgroup/cpu.max")).strip(),
        "jetson_power_mode": _read(Path("/etc/nvpmodel.conf.active")).strip(),
    }
    return {key: value for key, value in found.items() if value}


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpus() -> list[str]:
    """NVIDIA devices that the driver knows: name of each."""
    folders = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    lines = [line for path in folders for line in _read(path).splitlines()]
    return [line.split(":", 1)[1].strip() for line in lines if line.startswith("Model:")]


def _device_tree() -> str:
    return _read(Path("/proc/device-tree/model")).strip("\0\n ")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _number(path: Path, scale: float) -> float | None:
    text = _read(path).strip()
    return float(text) * scale if text else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
