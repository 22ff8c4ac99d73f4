"""Enumerations that a newer version may have extended: a value that this version doesn't know is kept as it is."""

from enum import StrEnum
from typing import Self


class OpenEnum(StrEnum):
    """`State("paused")` is a ValueError if there is no such member; `State.read("paused")` is a value all the same."""

    @classmethod
    def read(cls, value: str) -> Self:
        """The member, or a value of this type that no member equals. Raises TypeError for what isn't text."""
        if not isinstance(value, str):
            raise TypeError(value)
        try:
            return cls(value)
        except ValueError:
            unknown = str.__new__(cls, value)
            unknown._name_ = unknown._value_ = value
            return unknown

    @property
    def is_known(self) -> bool:
        """Whether it is a member."""
        return self in type(self).__members__.values()
