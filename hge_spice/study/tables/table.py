"""What every table of a study file is: its keys known, its values frozen, each read by a Reader; the plainest keys."""

from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.fields import FieldInfo

from hge_spice.study.text.values import Reader, list_of, text, whole


class Table(BaseModel):
    """A table whose keys are all known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Text = Annotated[str, BeforeValidator(text)]
Count = Annotated[int, BeforeValidator(whole(1))]
Seed = Annotated[int, BeforeValidator(whole(0))]
Names = Annotated[tuple[str, ...], BeforeValidator(list_of(text))]


def table_of(field: FieldInfo) -> type[BaseModel] | None:
    """The table that a key is, if it is one; None for lists of tables."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel) and not field.metadata:
            return kind
    return None


def reader_of(field: FieldInfo) -> Reader[Any]:
    """What reads a key, and can say what it takes. Raises TypeError where nothing does."""
    within = (piece for part in get_args(field.annotation) for piece in get_args(part))  # of Text | None
    for piece in (*field.metadata, *within):
        if isinstance(piece, BeforeValidator) and isinstance(piece.func, Reader):
            return piece.func
    raise TypeError(f"{field!r} is read by no Reader, which could say what it takes")
