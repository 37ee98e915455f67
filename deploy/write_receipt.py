"""Writes python/tubecam/explainer/receipt.py from the installed core's list of fields.

`make receipt` runs it; a test says when the file is not what it writes.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from tubecam.windows.fields import FIELDS, Field

PATH = Path(__file__).parents[1] / "python" / "tubecam" / "explainer" / "receipt.py"
INDENT = {"initial_indent": " " * 8, "subsequent_indent": " " * 8}
WORDS = {"false:": "False:", "true:": "True:", "missing:": "None:"}
NOTHING = {"bool": "False", "int": "0", "float": "math.nan", "str": '""'}
TYPES = {"boolean": "bool", "int": "int", "double": "float", "string": "str"}

HEAD = '''\
"""How an explanation came about, and how far it can be trusted.

Written by `make receipt` from csrc/explain/receipt/receipt.h and explanation_fields.h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple
'''
TIMINGS = '''

class Timings(NamedTuple):
    """Milliseconds that the stages of one window took.

    Attributes
    ----------
'''
RECEIPT = '''

@dataclass(frozen=True, kw_only=True)
class Receipt:
    """How far an explanation can be trusted.

    Attributes
    ----------
'''
METHODS = '''
    @property
    def bias_share(self) -> float:
        """The part of the logit that the biases took, NaN where `conservation` is."""
        return 1 - self.conservation

    def __repr__(self) -> str:
        """What says something: neither NaN nor empty."""
        known = [(f.name, getattr(self, f.name)) for f in fields(self)]
        said = [
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value!r}"
            for name, value in known
            if value not in ("", None) and not (isinstance(value, float) and math.isnan(value))
        ]
        return f"Receipt({', '.join(said)})"
'''


def declaration(field: Field) -> tuple[str, str]:
    """Its type, and its value where a file of an older version lacks it."""
    kind = TYPES[field.type]
    if field.parts:
        kind = f"tuple[{', '.join(kind for _ in field.parts.split(', '))}]"
    if field.optional and kind != "str":
        kind = f"{kind} | None"
    return kind, NOTHING.get(kind, "None")


def in_python(meaning: str) -> str:
    """The same as a sentence, with Python's words for what a value is."""
    text = " ".join(WORDS.get(word, word) for word in meaning.split())
    return f"{text[0].upper()}{text[1:]}."


def body(group: str) -> str:
    """The rest of a class: what its attributes mean, and the attributes."""
    documented, declared = "", ""
    for field in (field for field in FIELDS if field.group == group):
        kind, default = declaration(field)
        meaning = textwrap.fill(in_python(field.meaning), 100, **INDENT)
        documented += f"    {field.key} : {kind}\n{meaning}\n"
        declared += f"    {field.key}: {kind} = {default}\n"
    return f'{documented}    """\n\n{declared}'


def source() -> str:
    """The module's text."""
    return HEAD + TIMINGS + body("timings") + RECEIPT + body("receipt") + METHODS


if __name__ == "__main__":
    PATH.write_text(source(), "utf-8")
