"""What CUDA's kernels take of a processor: registers and spills, from ptxas's report.

    cmake --build build/cuda 2>&1 | python tests/perf/registers.py

Keeps what it has seen in a file, since a build reports only what it compiled. Exit status 1 when a
kernel spills registers into memory, which costs bandwidth on every thread.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

_KERNEL = re.compile(r"Compiling entry function '(\S+)' for '(sm_\w+)'")
_SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
_REGISTERS = re.compile(r"Used (\d+) registers")


def read_report(lines: Iterable[str]) -> dict[str, dict[str, list[int]]]:
    """Registers and spilled bytes of each kernel on each architecture."""
    report: dict[str, dict[str, list[int]]] = defaultdict(dict)
    kernel, architecture, spills = "", "", 0
    for line in lines:
        if match := _KERNEL.search(line):
            kernel, architecture, spills = short_name(match[1]), match[2], 0
        elif match := _SPILLS.search(line):
            spills = int(match[1]) + int(match[2])
        elif (match := _REGISTERS.search(line)) and kernel:
            report[kernel][architecture] = [int(match[1]), spills]
    return dict(report)


def short_name(symbol: str) -> str:
    """The kernel's own name in a mangled one, with its element type and number of values."""
    found = re.search(r"_cu_[0-9a-f]{8}(\d+)(\w+)", symbol)
    if not found:
        return symbol
    length = int(found[1])
    name, rest = found[2][:length], found[2][length:]
    types = rest[1 : rest.index("EE")] if rest.startswith("I") else ""
    for mangled, plain in (("__nv_bfloat16", "bfloat16"), ("__half", "float16"), ("uint4", "16B")):
        types = re.sub(rf"\d*{mangled}", plain, types)
    types = re.sub(r"^f(?!loat)", "float32", types)
    types = re.sub(r"^t$", "2B", types)
    types = re.sub(r"Li(\d+)", r", \1", types)
    return f"{name}<{types}>" if types else name


def table(report: dict[str, dict[str, list[int]]]) -> str:
    """A line a kernel: the range of registers over all architectures, and the most it spills."""
    lines = [f"{'kernel':<32} {'registers':>10}  spilled bytes"]
    for kernel in sorted(report):
        found = report[kernel].values()
        least, most = min(r for r, _ in found), max(r for r, _ in found)
        spread = f"{least}" if least == most else f"{least}-{most}"
        lines.append(f"{kernel:<32} {spread:>10}  {max(s for _, s in found)}")
    names = {architecture for found in report.values() for architecture in found}
    architectures = sorted(names, key=lambda name: int(name[3:]))
    return "\n".join([*lines, "for " + " ".join(architectures)])


def main() -> int:
    """Passes errors on, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="file with what earlier builds reported")
    arguments = parser.parse_args()
    lines = list(sys.stdin)
    sys.stderr.writelines(line for line in lines if re.search(r"\b(error|warning|FAILED)\b", line))
    report = {}
    if arguments.keep and arguments.keep.exists():
        report = json.loads(arguments.keep.read_text("utf-8"))
    for kernel, found in read_report(lines).items():
        report.setdefault(kernel, {}).update(found)
    if not report:
        print("no kernel was compiled")
        return 1
    if arguments.keep:
        arguments.keep.write_text(json.dumps(report), "utf-8")
    print(table(report))
    spilling = [name for name, found in report.items() if any(s for _, s in found.values())]
    if spilling:
        print("registers spill in: " + ", ".join(sorted(spilling)), file=sys.stderr)
    return 1 if spilling else 0


if __name__ == "__main__":
    sys.exit(main())
