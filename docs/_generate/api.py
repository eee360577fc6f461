"""The page of the API, from its description (OpenAPI). Django must be set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docs._generate.reference import table
from giftcodes.api.problems import ProblemKind
from giftcodes.api.routes import openapi


def operations() -> str:
    """Each operation: its address, what it takes, and what it returns."""
    found: Any = openapi()
    schemas = found["components"]["schemas"]
    parts = []
    for path, of_path in found["paths"].items():
        for method, operation in of_path.items():
            parts += [f"## {operation['summary']}", f"`{method.upper()} {path}`"]
            parts += [operation["description"], *_parts_of(operation, schemas)]
    return "\n\n".join(parts)


def _parts_of(operation: Any, schemas: Any) -> Iterator[str]:
    """What an operation takes and returns."""
    values = [one for one in operation.get("parameters", ()) if one["in"] != "path"]
    if values:
        rows = [(f"`{one['name']}`", one["in"], one.get("description", "")) for one in values]
        yield table(("parameter", "in", "meaning"), rows)
    if body := operation.get("requestBody"):
        yield f"Takes {_fields(body['content']['application/json']['schema'], schemas)}"
    for status, answer in operation["responses"].items():
        if int(status) < 300:
            schema = answer["content"]["application/json"]["schema"]
            yield f"{status}: {_fields(schema, schemas)}"


def _fields(schema: Any, schemas: Any) -> str:
    """The fields of a body, each with its type. Those of an item of a list follow its name."""
    if name := schema.get("$ref", "").rpartition("/")[2]:
        fields = schemas[name]["properties"]
        shown = (f"`{field}` ({_kind(value, schemas)})" for field, value in fields.items())
        return ", ".join(shown)
    return _kind(schema, schemas)


def _kind(value: Any, schemas: Any) -> str:
    """The type of a value in words."""
    if "anyOf" in value:
        return " or ".join(_kind(one, schemas) for one in value["anyOf"])
    if "$ref" in value:
        return f"{{ {_fields(value, schemas)} }}"
    if value.get("type") == "array":
        return f"a list of {_kind(value['items'], schemas)}"
    if choices := value.get("enum"):
        return ", ".join(map(str, choices))
    return str(value.get("format") or value.get("type") or "any")


def problems() -> str:
    """A table of the kinds of errors."""
    rows = [(f"`{kind.type}`", str(kind.status), kind.title) for kind in ProblemKind]
    return table(("type", "status", "title"), rows)
