"""A ``NamedTuple`` whose classes are made in a tenth of the time that typing's need.

``typing.NamedTuple`` compiles a constructor and the annotations of every class, which takes
0.12 ms, and one connection imports some thirty such classes. An Enum takes as long to make, so
modules that a connection imports use constants of a class instead.

Saves 9 ms of CPU time a connection: ``python -m benchmarks.tricks records``.
"""

from __future__ import annotations

from operator import itemgetter

from .typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypeVar

    _Self = TypeVar("_Self", bound="_Record")


class _Maker(type):
    """A metaclass that makes the annotated names of a class the fields of its tuples."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **more: Any
    ) -> _Maker:
        annotated = namespace.get("__annotations__", ())
        fields = tuple(field for field in annotated if not field.startswith("_"))
        defaults = {field: namespace[field] for field in fields if field in namespace}
        for index, field in enumerate(fields):
            namespace[field] = property(itemgetter(index))
        own = {"__slots__": (), "_fields": fields, "_field_defaults": defaults}
        return super().__new__(cls, name, bases, {**namespace, **own}, **more)


class _Record(tuple[Any, ...], metaclass=_Maker):
    """A tuple whose items have names, as in ``typing.NamedTuple``. Subclasses are final."""

    _fields: tuple[str, ...]
    _field_defaults: dict[str, Any]

    def __new__(cls: type[_Self], *values: Any, **named: Any) -> _Self:
        if named or len(values) != len(cls._fields):
            values = cls._complete(values, named)
        return tuple.__new__(cls, values)

    @classmethod
    def _complete(cls, values: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        given = dict(zip(cls._fields, values, strict=False))
        fields = {**cls._field_defaults, **given, **named}
        if len(values) > len(cls._fields):
            most = len(cls._fields)
            raise TypeError(f"{cls.__name__} takes at most {most} arguments ({len(values)} given)")
        if twice := named.keys() & given.keys():
            raise TypeError(f"{cls.__name__} got several values for {', '.join(sorted(twice))}")
        if fields.keys() != set(cls._fields):
            wrong = sorted(fields.keys() ^ set(cls._fields))
            raise TypeError(f"{cls.__name__} has missing or unknown fields: {', '.join(wrong)}")
        return tuple(map(fields.__getitem__, cls._fields))

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    def __repr__(self) -> str:
        shown = (f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True))
        return f"{type(self).__name__}({', '.join(shown)})"

    def _replace(self: _Self, **changes: Any) -> _Self:
        return type(self)(**{**dict(zip(self._fields, self, strict=True)), **changes})


if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    NamedTuple = _Record
