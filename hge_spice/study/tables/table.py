"""What every table of a study file is: its keys known, its values frozen; and the plainest kinds of keys."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from hge_spice.study.text.values import list_of, text, whole


class Table(BaseModel):
    """A table whose keys are all known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Text = Annotated[str, BeforeValidator(text)]
Count = Annotated[int, BeforeValidator(whole(1))]
Seed = Annotated[int, BeforeValidator(whole(0))]
Names = Annotated[tuple[str, ...], BeforeValidator(list_of(text))]
