"""
Sentences for people: on cameras that are away, and on bodies that cannot be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
from msgspec.inspect import (
    BoolType,
    Field,
    FloatType,
    IntType,
    LiteralType,
    StructType,
    UnionType,
    type_info,
)

from ...keeper import CameraState

#: What a camera is in each state in which it cannot be asked.
AWAY = {
    CameraState.STOPPED.value: "away: nobody is to connect to it",
    CameraState.SEARCHING.value: "away: still looking for it",
    CameraState.CONNECTING.value: "away: found, but not connected yet",
    CameraState.WAITING.value: "away: it will be looked for again in a moment",
    CameraState.STOPPING.value: "away: it is being disconnected",
}


def away(sentence: str) -> str:
    """Say C{attic is Searching} in other words; other sentences stay as they are."""
    match = re.fullmatch(r"(.*) is (\w+)", sentence, re.DOTALL)
    if match is None or match[2] not in AWAY:
        return sentence
    return f"{match[1]} is {AWAY[match[2]]}"


def wrongBody(data: bytes, type: type) -> str:
    """
    Why a body cannot be decoded.

    @param data: the body.
    @param type: a Struct.
    """
    struct = type_info(type)
    assert isinstance(struct, StructType)
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "the body is not JSON"
    if not isinstance(value, dict):
        return 'the body has to be an object, {"…": …}'
    return next(_mistakes(value, struct), "the body is not as it should be")


def _mistakes(value: dict[str, Any], struct: StructType) -> Iterator[str]:
    """All that is wrong with a body."""
    names = [field.encode_name for field in struct.fields]
    for name in value:
        if name not in names:
            yield f"{_quoted(name)} is not known here: there is {_listed(names)}"
    for field in struct.fields:
        if field.encode_name in value:
            try:
                msgspec.convert(value[field.encode_name], _typeOf(struct, field))
            except msgspec.ValidationError:
                yield _mistake(struct, field, value[field.encode_name])
        elif field.required:
            yield f"{field.encode_name} is missing: {_wanted(struct, field)}"


def _typeOf(struct: StructType, field: Field) -> Any:
    fields = msgspec.structs.fields(struct.cls)
    return next(one.type for one in fields if one.name == field.name)


def _mistake(struct: StructType, field: Field, value: object) -> str:
    name = field.encode_name
    wanted = _wanted(struct, field)
    if isinstance(field.type, LiteralType) and isinstance(value, str):
        article = "an" if name[0] in "aeiou" else "a"
        return f"{_quoted(value)} is not {article} {name}: {wanted}"
    return f"{name} has to be {wanted}"


def _kindOf(field: Field) -> object:
    """Its type, whether or not it may be left out."""
    kind = field.type
    if isinstance(kind, UnionType):
        known = (BoolType, FloatType, IntType)
        kind = next((one for one in kind.types if isinstance(one, known)), kind)
    return kind


def _wanted(struct: StructType, field: Field) -> str:
    """What it has to be."""
    match _kindOf(field):
        case LiteralType():
            # Not its values: these are sorted.
            return _listed(get_args(_typeOf(struct, field)))
        case BoolType():
            return "true or false"
        case IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case FloatType(ge=least, le=most):
            return f"a number from {least:g} to {most:g}"
        case _:
            return "something else"


def _quoted(text: str) -> str:
    """As it was posted, within bounds, and without what cannot be shown."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:40])
    return f"'{shown}'"


def _listed(names: Any) -> str:
    return ", ".join(str(name) for name in names)
