"""Runs the cloud program against a recorder in the engine's place: no engine, no cloud, no network.

Imports pulumi (half a second), so only `capture` imports this module, and only when nothing is cached.
`reset_options`, `set_root_resource`, `run_in_stack` and `_get_stack_trace` are the SDK's own and not quite public; the
SDK is pinned, and tests/unit/test_graph_recorder.py breaks first.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import re
import sys
import typing
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime import mocks, resource, set_all_config, set_mocks
from pulumi.runtime.proto import resource_pb2, source_pb2
from pulumi.runtime.settings import reset_options, set_root_resource
from pulumi.runtime.stack import run_in_stack

from socle.errors import EngineError, Mark
from socle.graph import values
from socle.graph.at_once import at_once
from socle.graph.model import UNKNOWN, Graph, Ref, Resource
from socle.graph.values import ROOT_TYPE

_NAMESPACE = uuid.UUID("5cfd9a3e-3f0b-5a63-9d5f-0c1f1c1f7a11")  # any: makes the tokens the same in every run
_TOKEN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def record(program: Callable[[], None], stack: str, config: Mapping[str, str], root: Path) -> Graph:
    """The graph of what `program` registers. `root`: its folder; source positions are relative to the one above.

    Runs in a thread and a context of its own: the caller may have a running event loop, or a Pulumi program.
    Raises EngineError when the program gives two resources one name; what the program raises comes through.
    """
    recorder = Recorder(root)
    failure: list[BaseException] = []

    def work() -> None:
        try:
            contextvars.Context().run(_run, program, recorder, stack, config)
        except BaseException as error:  # raised again in the caller's thread
            failure.append(error)

    thread = Thread(target=work, name="capture")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    if recorder.twice:
        raise EngineError(
            "SOC-5402",
            "the cloud program gives one name to two resources: {names}",
            names=", ".join(sorted(set(recorder.twice))),
        )
    # by name: the SDK registers in an order that differs from run to run
    return Graph(tuple(sorted(recorder.registered, key=lambda one: one.name)))


def _run(program: Callable[[], None], recorder: Recorder, stack: str, config: Mapping[str, str]) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(_Inline())
    quiet = logging.getLogger("socle.graph.recorder")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    try:
        reset_options()
        set_all_config(dict(config))
        # Not a preview: in one, functions given to `apply` do not run, and what they register would be missing.
        set_mocks(_NoMocks(), project="socle", stack=stack, preview=False, logger=quiet, monitor=recorder)
        set_root_resource(None)  # type: ignore[arg-type]
        with _program_lines(recorder.root), at_once(recorder):
            loop.run_until_complete(run_in_stack(program))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


class _Inline(ThreadPoolExecutor):
    """Answers in the caller's thread: the recorder is never asked by two at once, and nobody waits for a thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class _NoMocks(mocks.Mocks):
    """Asked for by the SDK's signature; the recorder answers everything itself."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise NotImplementedError(args.token)

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise NotImplementedError(args.typ)


class Recorder(mocks.MockMonitor):
    """Keeps raw registrations. Every text output is answered with a token, which later inputs turn into a `Ref`."""

    def __init__(self, root: Path) -> None:
        super().__init__(_NoMocks())
        self.registered: list[Resource] = []
        self.twice: list[str] = []
        self.root = root
        self._names: set[str] = set()
        self._tokens: dict[str, Any] = {}

    def RegisterResource(self, request: Any) -> Any:
        """What the SDK serialised itself; the rest comes to `note` directly."""
        if request.type == ROOT_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=self.make_urn("", request.type, request.name))
        parent = "" if f"::{ROOT_TYPE}::" in request.parent else request.parent.rpartition("::")[2]
        where = request.sourcePosition
        urn = self.note(
            request.type,
            request.name,
            parent,
            _plain(request.object),
            protect=request.protect,
            line=(where.uri, where.line),
        )
        response = resource_pb2.RegisterResourceResponse(urn=urn)
        if request.custom:
            response.id = self.token(request.name, "id")
            response.object.CopyFrom(request.object)
            for output in self.text_outputs(request.type):
                if output not in request.object.fields:
                    response.object.fields[output].string_value = self.token(request.name, output)
        return response

    def note(
        self,
        kind: str,
        name: str,
        parent: str,
        properties: Mapping[str, Any],
        *,
        protect: bool,
        line: tuple[str, int] | None = None,
    ) -> str:
        """Keeps one registration; gives its URN. `properties`: plain values by wire name."""
        if name in self._names:
            self.twice.append(name)  # raising here would only be logged by the SDK
        self._names.add(name)
        inputs = self._known(values.inputs(properties))
        where = self._mark(*(line or _program_line(self.root)))
        self.registered.append(Resource(kind, name, parent, inputs, protect, where))
        return f"urn:pulumi:stack::socle::{kind}::{name}"

    def Invoke(self, request: Any) -> Any:
        """A question to the cloud: its arguments come back, and an id that only the cloud knows."""
        response = resource_pb2.ResourceInvokeResponse()
        response_object = getattr(response, "return")
        response_object.CopyFrom(request.args)
        token = str(uuid.uuid5(_NAMESPACE, f"{request.tok} {request.args}"))
        self._tokens[token] = UNKNOWN
        response_object.fields["id"].string_value = token
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:
        return empty_pb2.Empty()

    def ReadResource(self, request: Any) -> Any:
        raise NotImplementedError(f"the recorder answers no reading of an existing resource: {request.name}")

    def token(self, name: str, output: str) -> str:
        """Stands for a resource's output, by its wire name."""
        ref = Ref(name, values.snake(output))
        token = str(uuid.uuid5(_NAMESPACE, f"{ref.target} {ref.output}"))
        self._tokens[token] = ref
        return token

    def text_outputs(self, kind: str) -> frozenset[str]:
        return _text_outputs(kind)

    def _known(self, value: Any) -> Any:
        """Tokens back to references. A text made around one output (`<address>/32`) counts as that output."""
        if isinstance(value, dict):
            return {key: self._known(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._known(item) for item in value]
        if not isinstance(value, str) or not (found := _TOKEN.findall(value)):
            return value
        meant = [self._tokens[token] for token in found if token in self._tokens]
        if not meant:
            return value
        return meant[0] if len(meant) == 1 else UNKNOWN

    def _mark(self, uri: str, line: int) -> Mark | None:
        return Mark(Path(uri).relative_to(self.root.parent).as_posix(), line) if uri else None


@contextmanager
def _program_lines(root: Path) -> Iterator[None]:
    """Has the SDK note one line per resource: the innermost one of the program.

    Its own notes are whole stacks, a sixth of the time of a capture, and end in the SDK's file where a constructor
    builds on another.
    """

    def trace() -> Any:
        file, line = _program_line(root)
        if not file:
            return source_pb2.StackTrace()
        position = source_pb2.SourcePosition(uri=file, line=line)
        return source_pb2.StackTrace(frames=[source_pb2.StackFrame(pc=position)])

    before = resource._get_stack_trace
    resource._get_stack_trace = trace
    try:
        yield
    finally:
        resource._get_stack_trace = before


def _program_line(root: Path) -> tuple[str, int]:
    """File and number of the innermost line of the program that is being run; an empty name for none."""
    inside = f"{root}{os.sep}"
    frame: FrameType | None = sys._getframe(1)
    while frame and not frame.f_code.co_filename.startswith(inside):
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame else ("", 0)


def _plain(struct: Any) -> dict[str, Any]:
    return {key: _plain_value(item) for key, item in struct.fields.items()}


def _plain_value(item: Any) -> Any:
    kind = item.WhichOneof("kind")
    if kind == "struct_value":
        return _plain(item.struct_value)
    if kind == "list_value":
        return [_plain_value(one) for one in item.list_value.values]
    return None if kind in (None, "null_value") else getattr(item, kind)


@cache
def _text_outputs(token: str) -> frozenset[str]:
    """Wire names of a resource type's outputs that are text. An output without an answer would become None, and the
    input made from it would vanish."""
    package, module, name = token.split(":")
    home = sys.modules.get(f"pulumi_{package}.{module.partition('/')[0]}")
    known = set()
    for prop in vars(getattr(home, name, object)).values():
        getter = getattr(prop, "fget", None)
        returned = getattr(getter, "__annotations__", {}).get("return")
        if str in _flat(returned) and (wire := getattr(getter, "_pulumi_name", None)):
            known.add(wire)
    return frozenset(known)


def _flat(annotation: Any) -> set[Any]:
    """`Output[Optional[str]]` -> {str, NoneType}; a list of texts is no text."""
    inner = typing.get_args(annotation)[:1]
    if not inner:
        return set()
    return set(typing.get_args(inner[0])) if typing.get_origin(inner[0]) is typing.Union else {inner[0]}
