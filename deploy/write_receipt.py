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
TYPES = {"boolean": "bool", "int": "int", "double": "float", "string": "str"}

HEAD = '''\
"""How far an explanation can be trusted: written by `make receipt` from csrc/explain/receipt.h."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """How far an explanation can be trusted.

    Attributes
    ----------
'''
FOOT = '''
    @property
    def bias_share(self) -> float:
        """The part of the logit that the biases took, NaN where `conservation` is."""
        return 1 - self.conservation
'''


def declaration(field: Field) -> tuple[str, str]:
    """Its type, and its value where it may be missing."""
    kind = TYPES[field.type]
    if field.parts:
        kind = f"tuple[{', '.join(kind for _ in field.parts.split(', '))}]"
    if not field.optional:
        return kind, ""
    return (kind, ' = ""') if kind == "str" else (f"{kind} | None", " = None")


def in_python(meaning: str) -> str:
    """The same as a sentence, with Python's words for what a value is."""
    text = " ".join(WORDS.get(word, word) for word in meaning.split())
    return f"{text[0].upper()}{text[1:]}."


def source(fields: list[Field]) -> str:
    """The module's text."""
    documented, declared = "", ""
    for field in fields:
        kind, default = declaration(field)
        meaning = textwrap.fill(in_python(field.meaning), 100, **INDENT)
        documented += f"    {field.key} : {kind}\n{meaning}\n"
        declared += f"    {field.key}: {kind}{default}\n"
    return f'{HEAD}{documented}    """\n\n{declared}{FOOT}'


if __name__ == "__main__":
    PATH.write_text(source([field for field in FIELDS if field.group == "receipt"]), "utf-8")
