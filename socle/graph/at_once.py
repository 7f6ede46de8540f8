"""Registers a resource where it is declared, without the event loop, when nothing in it has to be waited for.

The SDK makes a handful of futures for every property of every resource, serialises it, and reads the answer back: three
quarters of the time of a capture, when all that is asked for is what was declared. Here an output is a value that is
there at once. Whatever this module does not know (an output of the SDK's own, an argument class, an asset, a secret) is
left to the SDK, whose registration then reaches the recorder as it does anyway. Both ways give the same graph:
tests/laws/test_capture.py.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property, partial
from inspect import isawaitable
from typing import Any, Protocol, cast

from pulumi import Output, resource
from pulumi._types import resource_py_to_pulumi_names
from pulumi.output import _OutputData

from socle.graph.values import ROOT_TYPE


class Notes(Protocol):
    """The recorder's side: keeps a registration, and has a token for each output."""

    def note(self, kind: str, name: str, parent: str, properties: Mapping[str, Any], *, protect: bool) -> str:
        """The resource's URN. `parent`: a name, empty for the stack. `properties`: plain values by wire name."""
        ...

    def token(self, name: str, output: str) -> str: ...

    def text_outputs(self, kind: str) -> frozenset[str]:
        """Wire names of a type's outputs that are text."""
        ...


class NotYet(Exception):
    """Something in it has to be waited for, or is of a kind that is the SDK's to read."""


class Answer(Output[Any]):
    """An output whose value is there. For the SDK it is an output like any other."""

    def __init__(self, value: Any, resources: frozenset[Any]) -> None:
        self._value, self._leaning_on = value, resources

    @property
    def _data(self) -> asyncio.Future[Any]:  # type: ignore[override] # the SDK keeps one, which belongs to a loop
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(_OutputData(set(self._leaning_on), self._value, is_known=True, is_secret=False))
        return future

    def apply(self, func: Callable[[Any], Any], run_with_unknowns: bool = False) -> Output[Any]:
        made = func(self._value)
        if isinstance(made, Answer):
            return Answer(made._value, self._leaning_on | made._leaning_on)
        if isinstance(made, Output) or isawaitable(made):
            return super().apply(lambda _value: made, run_with_unknowns)
        return Answer(made, self._leaning_on)

    def _untrack(self) -> None:
        """Nothing is pending."""


class Token(Answer):
    """An output that the cloud would answer; its token is made when somebody asks."""

    def __init__(self, make: Callable[[], str], resources: frozenset[Any]) -> None:
        self._make, self._leaning_on = make, resources

    @cached_property
    def _value(self) -> str:
        return self._make()


@contextmanager
def at_once(notes: Notes) -> Iterator[None]:
    """Inside, and in this thread alone, resources are registered at once where they can be."""
    here = threading.get_ident()
    sdk, outputs = cast(Any, resource), cast(Any, Output)  # what is put in their place is no part of their types
    taken: list[Any] = []
    register, gather, lift = sdk.register_resource, outputs.all, outputs.from_input

    def registered(res: Any, ty: str, name: str, custom: bool, remote: bool, *rest: Any) -> None:
        _dependency, props, opts = rest[:3]
        if threading.get_ident() == here and not remote:
            try:
                _register(notes, res, ty, name, custom, props, opts)
            except NotYet:
                pass
            else:
                taken.append(res)
                return
        register(res, ty, name, custom, remote, *rest)

    def all_of(*args: Any, **named: Any) -> Any:
        """`Output.all`, on which texts made around outputs rest."""
        if threading.get_ident() == here and args and not named:
            leaning: frozenset[Any] = frozenset().union(*(a._leaning_on for a in args if isinstance(a, Answer)))
            try:
                return Answer([_plain(one) for one in args], leaning)
            except NotYet:
                pass
        return gather(*args, **named)

    def from_input(value: Any) -> Any:
        if threading.get_ident() == here and (isinstance(value, Answer) or type(value) in _SCALARS):
            return value if isinstance(value, Answer) else Answer(value, frozenset())
        return lift(value)

    sdk.register_resource = registered
    outputs.all, outputs.from_input = staticmethod(all_of), staticmethod(from_input)
    try:
        yield
    finally:
        for one in taken:  # resources and their outputs hold each other: megabytes that only a collection would free
            vars(one).clear()
        sdk.register_resource = register
        outputs.all, outputs.from_input = staticmethod(gather), staticmethod(lift)


def _register(notes: Notes, res: Any, kind: str, name: str, custom: bool, props: Any, opts: Any) -> None:
    """Raises NotYet before anything is noted."""
    if kind == ROOT_TYPE or opts.transforms:
        raise NotYet
    names = _wire_names(res.__class__) if custom else {}
    given = {key: _plain(value) for key, value in props.items()}
    parent = opts.parent
    above = "" if parent is None or parent.pulumi_resource_type == ROOT_TYPE else parent.pulumi_resource_name
    wire = {names.get(key, key): value for key, value in given.items()}
    own = frozenset((res,))
    res.__dict__["urn"] = Answer(notes.note(kind, name, above, wire, protect=bool(opts.protect)), own)
    if custom:
        res.__dict__["id"] = Token(partial(notes.token, name, "id"), own)
    texts, nothing = notes.text_outputs(kind) if custom else frozenset[str](), Answer(None, own)
    for key, value in given.items():
        if value is not None:
            res.__dict__[key] = Answer(value, own)
        elif (output := names.get(key, key)) in texts:
            res.__dict__[key] = Token(partial(notes.token, name, output), own)
        else:
            res.__dict__[key] = nothing


_SCALARS = frozenset((str, int, float, bool, type(None)))


def _plain(value: Any) -> Any:
    """The value, outputs replaced by what they hold."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if isinstance(value, Answer):
        return _plain(value._value)
    if kind is dict:
        return {key: _plain(item) for key, item in value.items()}
    if kind in (list, tuple):
        return [_plain(item) for item in value]
    raise NotYet


@cache
def _wire_names(kind: Any) -> dict[str, str]:
    return dict(resource_py_to_pulumi_names(kind))
