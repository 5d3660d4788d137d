"""
The texts of a camera's answers: statements as in JavaScript, a line each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: What a variable can be.
Value = int | str

#: Outcomes of commands that change something.
OK, FAILED, ERROR, DENIED = "ok", "failed", "erro", "Auth Failed"

#: The first line of every answer.  It has a blank for want of a sign.
ACCEPTED = b"result= 0;\r\n"

#: The only line after a wrong or missing login.
REFUSED = b"result=-1;\r\n"


def variable(name: str, value: Value) -> str:
    """
    C{var name=1;} or C{var name="text";}.  Nothing inside a text is escaped: the
    camera just prints it.
    """
    if isinstance(value, int):
        return f"var {name}={value};\r\n"
    return f'var {name}="{value}";\r\n'


def variables(values: Mapping[str, Value]) -> str:
    """One line for each, in order."""
    return "".join(variable(name, value) for name, value in values.items())


def arrays(columns: Mapping[str, Iterable[Value]]) -> str:
    """
    Arrays of equal length: first they are declared, then come their elements,
    those with the same place together.
    """
    lines = [f"var {name}=new Array();\r\n" for name in columns]
    for place, row in enumerate(zip(*columns.values(), strict=True)):
        for name, value in zip(columns, row, strict=True):
            shown = value if isinstance(value, int) else f'"{value}"'
            lines.append(f"{name}[{place}]={shown};\r\n")
    return "".join(lines)


def outcome(word: str) -> str:
    """The last line of a command that changes something."""
    return variable("result", word)


def accepted(text: str = "") -> bytes:
    """A whole answer after a good login."""
    return ACCEPTED + text.encode("utf-8", "surrogateescape")
