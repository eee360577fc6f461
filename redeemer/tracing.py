"""Sends traces to an OpenTelemetry collector, if the environment names one. Otherwise nothing here
is loaded.

The usual variables of OpenTelemetry apply: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS,
OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and others.

A trace begins with a task that no other task enqueued, such as a poll, which beat sends. It has a
span for that task, for each task that follows from it, and for the steps of these tasks
(giftcodes.domain.tracing). A task that enqueues nothing, has no step and does not fail is not
recorded: most ticks find nothing to do.
"""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any

from celery import signals
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import giftcodes
from giftcodes.domain import tracing

_HEADER = "traceparent"
#: The arguments of tasks that a span shows: ids and kinds, and nothing about a person.
_SHOWN = frozenset(
    {"provider", "gift_code_id", "guild_id", "redemption_id", "member_redemption_id", "feed_id"}
)
_propagator = TraceContextTextMapPropagator()


@dataclass
class _Task:
    """The task that runs in this thread. Its span begins when it is needed."""

    name: str
    values: dict[str, tracing.Value]
    parent: Context
    started_ns: int
    span: Span | None = None
    token: Token[Context] | None = None


_current: ContextVar[_Task | None] = ContextVar("task", default=None)


def start() -> None:
    """Record the spans of this process from now on."""
    signals.task_prerun.connect(_begin)
    signals.task_failure.connect(_fail)
    signals.task_postrun.connect(_end)
    tracing.install(_OpenTelemetry())


@functools.cache
def _tracer() -> trace.Tracer:
    """The tracer of this process. Its thread is started with the first span, hence after a fork."""
    name = os.environ.get("OTEL_SERVICE_NAME") or "redeemer"
    version = giftcodes.__version__
    provider = TracerProvider(
        resource=Resource.create({SERVICE_NAME: name, SERVICE_VERSION: version})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("redeemer", version)


class _OpenTelemetry:
    """The tracer for giftcodes.domain.tracing."""

    @contextmanager
    def span(self, name: str, values: dict[str, tracing.Value]) -> Iterator[None]:
        _need_span_of_task()
        # The text of an error is not recorded: PostgreSQL quotes whole rows in it.
        with _tracer().start_as_current_span(
            name, attributes=_named(values), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                _mark(span, error)
                raise

    def note(self, values: dict[str, tracing.Value]) -> None:
        trace.get_current_span().set_attributes(_named(values))

    def headers(self) -> dict[str, str]:
        _need_span_of_task()
        found: dict[str, str] = {}
        _propagator.inject(found)
        return found


def _begin(task: Any, args: Any, kwargs: Any, **_: Any) -> None:
    parent = getattr(task.request, _HEADER, None)
    _current.set(
        _Task(
            name=task.name.rpartition(".")[2],
            values=_shown(task, args, kwargs),
            parent=_propagator.extract({_HEADER: parent} if parent else {}, Context()),
            started_ns=time.time_ns(),
        )
    )


def _fail(exception: BaseException, **_: Any) -> None:
    if span := _need_span_of_task():
        _mark(span, exception)


def _end(**_: Any) -> None:
    task = _current.get()
    _current.set(None)
    if task and task.span and task.token:
        context.detach(task.token)
        task.span.end()


def _need_span_of_task() -> Span | None:
    """Begin the span of the task that runs here, unless it has begun. None if no task runs."""
    task = _current.get()
    if task is None:
        return None
    if task.span is None:
        task.span = _tracer().start_span(
            task.name,
            task.parent,
            kind=SpanKind.CONSUMER,
            attributes=_named(task.values),
            start_time=task.started_ns,
        )
        task.token = context.attach(trace.set_span_in_context(task.span, task.parent))
    return task.span


def _shown(task: Any, args: Any, kwargs: Any) -> dict[str, tracing.Value]:
    names = list(inspect.signature(task.run).parameters)
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return {name: value for name, value in given.items() if name in _SHOWN}


def _named(values: dict[str, tracing.Value]) -> dict[str, tracing.Value]:
    return {f"redeemer.{name}": value for name, value in values.items()}


def _mark(span: Span, error: BaseException) -> None:
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", type(error).__qualname__)
