"""Small functions: how long each may be, and how many parameters it may have."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from places import ROOT

FOLDERS = ("python/tubecam", "engines")
MOST_LINES = 40  # of a function from its `def` to its end, without its docstring
MOST_PARAMETERS = 8  # without self and cls; what *names and **names take counts as one each

# They have the parameters of a function of the compiled core, by the same names.
OF_THE_CORE = {
    "python/tubecam/drawing/overlay.py blend_heat",
    "python/tubecam/drawing/overlay.py draw",
    "python/tubecam/reference/overlay.py blend_heat",
}
# What users set once, each by its keyword.
BY_KEYWORD = {"python/tubecam/explainer/explainer.py __init__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(text: str) -> Iterator[Function]:
    return (n for n in ast.walk(ast.parse(text)) if isinstance(n, Function))


def lines(function: Function) -> int:
    first = function.body[0]
    stated = first.end_lineno - first.lineno + 1 if ast.get_docstring(function) is not None else 0
    return function.end_lineno - function.lineno + 1 - stated


def parameters(function: Function) -> int:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    more = [each for each in (given.vararg, given.kwarg) if each is not None]
    return len([each for each in named if each.arg not in ("self", "cls")]) + len(more)


def found() -> Iterator[tuple[str, Function]]:
    for path in (p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py")):
        for function in functions(path.read_text("utf-8")):
            yield f"{path.relative_to(ROOT)} {function.name}", function


def test_functions_are_short():
    assert {name: lines(f) for name, f in found() if lines(f) > MOST_LINES} == {}


def test_functions_have_few_parameters():
    many = {name for name, f in found() if parameters(f) > MOST_PARAMETERS}
    assert many == OF_THE_CORE | BY_KEYWORD


def test_sizes_are_measured():
    body = "    x = 1\n" * 38 + "    return x\n"
    (short,) = functions(f"def f(a):\n{body}")
    assert lines(short) == 40
    (long,) = functions(f"def f(a):\n    x = 0\n{body}")
    assert lines(long) == 41
    (stated,) = functions(f'def f(a):\n    """One.\n\n    Two.\n    """\n{body}')
    assert lines(stated) == 40
    method, inner = functions("def f(self, a, /, b, *c, d=1, **e):\n    def g(): ...\n")
    assert parameters(method) == 5 and parameters(inner) == 0
    assert max(lines(f) for _, f in found()) > 30  # the folders are there
