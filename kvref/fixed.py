"""Attributes that can be read, and not assigned; what takes the place of a method on one object."""

from typing import Generic, TypeVar, cast, overload

from kvref.errors import KVCacheAttributeError, show

T = TypeVar("T")


class Fixed(Generic[T]):
    """An attribute that is fixed when its object is made, which keeps it under `_name`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._public, self._kept = name, "_" + name

    @overload
    def __get__(self, instance: None, owner: type) -> "Fixed[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> "T | Fixed[T]":
        return self if instance is None else cast(T, getattr(instance, self._kept))

    def __set__(self, instance: object, value: object) -> None:
        raise KVCacheAttributeError(
            f"{self._public} of a {type(instance).__name__} is fixed when it is made: it cannot "
            f"become {show(value)}"
        )

    def __delete__(self, instance: object) -> None:
        raise KVCacheAttributeError(
            f"{self._public} of a {type(instance).__name__} is fixed and cannot be deleted"
        )


class StandsIn:
    """What takes a method's place on one object, to watch it: copies and pickles are without."""

    __slots__ = ()
