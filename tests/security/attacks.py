"""Random and hostile requests for every address of the site, the same for the same seed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, URLResolver, get_resolver

#: Texts that programs have failed on: numbers that are too large, broken encodings, markup, paths.
HOSTILE = (
    "",
    "0",
    "-1",
    "1",
    "2",
    "x",
    "1.5",
    "1e9",
    "NaN",
    "9" * 18,
    "9" * 19,
    "9" * 400,
    "9" * 5_000,
    "2147483648",
    "٣٤",
    "²",
    "None",
    "null",
    "True",
    "on",
    "a" * 300,
    "雪" * 3_000,
    "\0",
    "a\0b",
    "\ud800",
    "\u202e\u2066",
    "\r\nX-Injected: yes",
    "'",
    '"><script>alert(1)</script>',
    "'; DROP TABLE giftcodes_guild; --",
    "%",
    "%00",
    "%s%d{0}{{x}}{% x %}",
    "../../../etc/passwd",
    "//evil.example/",
    "javascript:alert(1)",
    "^(.+)(.+)\\1$",
    "[",
    "(",
    "\\",
    "9999-12-31",
    "0001-01-01",
    "2026-02-30",
    "23:59:60",
    "1,2,3",
    "1__2",
    "_5F1",
    "a=b&c=d",
    "[]",
    "{}",
    '{"a": 1}',
)
_LOOKUPS = (
    "",
    "exact",
    "iexact",
    "in",
    "isnull",
    "startswith",
    "icontains",
    "regex",
    "gt",
    "lte",
    "range",
    "year",
    "date",
    "hour",
    "isnull__exact",
    "id__exact",
    "name__startswith",
    "pk__in",
)
#: The names of parameters and fields that pages read, beside the fields of the models.
_NAMES = (
    *("q", "o", "p", "all", "e", "_to_field", "_popup", "_changelist_filters", "_facets"),
    *("s", "extended", "page", "term", "app_label", "model_name", "field_name", "next"),
    *("guild", "code", "codes", "show", "who", "member", "redemption", "back", "day", "source"),
    *("action", "_selected_action", "index", "select_across", "confirm", "shown", "apply"),
    *("listing", "file", "wish", "sure", "chosen", "pair", "post", "_save", "_continue"),
    *("_addanother", "_saveasnew", "username", "password", "password1", "password2"),
    *("old_password", "new_password1", "new_password2", "csrfmiddlewaretoken", "initial-guild"),
    *("form-TOTAL_FORMS", "form-INITIAL_FORMS", "channel-TOTAL_FORMS", "channel-INITIAL_FORMS"),
    *("periodictask_set-TOTAL_FORMS", "expires_at_0", "expires_at_1", "drop", "unknown"),
    *("act", "consent", "one", "approval", "days"),
)
_METHODS = ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE")
_CONTENT_TYPES = (
    "application/x-www-form-urlencoded; charset=utf-16",
    "application/x-www-form-urlencoded; charset=no-such-charset",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=" + "x" * 300,
    "multipart/form-data; boundary=\xff",
    "application/json",
    "text/plain",
    "",
    ";",
)
_HEADERS: dict[str, tuple[str, ...]] = {
    "HTTP_HOST": ("evil.example", "localhost:99999", "a b", "[::1", "localhost", ""),
    "HTTP_X_FORWARDED_FOR": ("203.0.113.9:80", "x, y", "[2001:db8::1]:443", ",", "1" * 2_000),
    "HTTP_X_FORWARDED_PROTO": ("https", "x"),
    "HTTP_X_FORWARDED_HOST": ("evil.example",),
    "HTTP_COOKIE": (
        "timezone=Asia/Tokyo",
        "timezone=../x",
        "sessionid=x",
        "messages=x; csrftoken",
        "=;=",
    ),
    "HTTP_USER_AGENT": ("x" * 5_000, "\xff", ""),
    "HTTP_ACCEPT": ("*/*", "application/json", "x" * 3_000),
    "HTTP_ACCEPT_LANGUAGE": ("de", "x" * 1_000, "en;q=x", "zh-hans-" + "x" * 600),
    "HTTP_ACCEPT_ENCODING": ("gzip", "br;q=nan"),
    "HTTP_IF_MODIFIED_SINCE": ("x", "Mon, 01 Jan 0001 00:00:00 GMT"),
    "HTTP_IF_NONE_MATCH": ("*", "x" * 500),
    "HTTP_RANGE": ("bytes=0-", "bytes=x"),
    "HTTP_REFERER": ("https://evil.example/", "x", "http://[::1"),
    "HTTP_ORIGIN": ("null", "https://evil.example"),
    "HTTP_HX_REQUEST": ("true",),
    "HTTP_X_REQUESTED_WITH": ("XMLHttpRequest",),
    "HTTP_X_REQUEST_ID": ("x" * 3_000, "\xff"),
    "HTTP_X_CORRELATION_ID": ("a\tb",),
    "HTTP_X_HTTP_METHOD_OVERRIDE": ("DELETE",),
}


@dataclass(slots=True)
class Attack:
    """One request, as the test client sends it.

    Args:
        method, path: the first line of the request. The path includes the query, if there is one.
        options: arguments of `Client.generic` or `Client.post`.
        fills_form: whether to get the form at the path first and send its values, some of them
            replaced by `options["data"]`.
    """

    method: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)
    fills_form: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path[:300]!r} {str(self.options)[:600]}"


def routes(patterns: Iterable[Any] | None = None, start: str = "/") -> Iterator[str]:
    """Every route of the urlconf, with its converters: `/admin/auth/user/<id>/password/`."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = start + str(entry.pattern).removeprefix("^").removesuffix("$")
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, route)
        elif isinstance(entry, URLPattern):
            yield route


class Fuzzer:
    """Generates requests, which depend only on the seed and on the rows."""

    def __init__(self, seed: int, keys: dict[str, list[str]] | None = None) -> None:
        """Take the seed, and what stands in the addresses of pages outside the admin.

        Args:
            seed: the same seed gives the same requests for the same rows.
            keys: tokens and other names, by the first part of the path.
        """
        self._keys = keys or {}
        self._random = Random(seed)
        self._routes = sorted(set(routes()))
        models = list(admin.site._registry)
        #: The IDs of the first rows of each model, by the address of its list.
        self._ids_at = {
            f"/admin/{model._meta.app_label}/{model._meta.model_name}/": sorted(
                str(pk)
                for pk in model._default_manager.order_by("pk").values_list("pk", flat=True)[:12]
            )
            for model in models
        }
        self._actions_at = {
            f"/admin/{model._meta.app_label}/{model._meta.model_name}/": [
                name for _function, name, _words in page._get_base_actions()
            ]
            for model, page in admin.site._registry.items()
        }
        self._ids = sorted({pk for ids in self._ids_at.values() for pk in ids})
        self._forms = [route for route in self._routes if route.endswith(("/change/", "/add/"))]
        self._forms += sorted(self._ids_at)
        self._apps = sorted({model._meta.app_label for model in models})
        fields = sorted({one.name for model in models for one in model._meta.get_fields()})
        self._names = [*_NAMES, *fields]
        self._words = sorted(
            {
                *(
                    name
                    for page in admin.site._registry.values()
                    for _f, name, _d in page._get_base_actions()
                ),
                *(model._meta.model_name or "" for model in models),
                *self._apps,
                *fields,
                *(
                    "simulator",
                    "whiteout",
                    "opt_out",
                    "opt_in",
                    "export",
                    "erase",
                    "yes",
                    "unsettled",
                ),
                *("20000", "SHARED", "Amber", "player_id\n20000\n300000001\n"),
                *("correct", "leave", "stop", "start", "renew", "ask", "download", "withdraw"),
                *("make", "change", "end", "publish", "approve", "refuse", "300000002"),
            }
        )

    def attack(self) -> Attack:
        """The next request."""
        path = self._path()
        if self._chance(0.4):
            path += "?" + self._query()
        if self._chance(0.5):
            return Attack("GET", path, self._headers())
        if self._chance(0.15):
            return Attack(self._random.choice(_METHODS), path, self._headers())
        if self._chance(0.3):
            data = self._body()
            kind = self._random.choice(_CONTENT_TYPES)
            return Attack("POST", path, {"data": data, "content_type": kind, **self._headers()})
        data = self._action(path) if path in self._ids_at and self._chance(0.7) else self._form()
        options = {"data": data, **self._headers()}
        return Attack("POST", path, options, fills_form=self._chance(0.8))

    def _action(self, path: str) -> dict[str, Any]:
        """An action of a list on some of its rows."""
        chosen = [self._valid(self._id(path)) for _ in range(self._random.choice((1, 1, 3)))]
        action = self._random.choice(self._actions_at[path] or self._words)
        further = self._form() if self._chance(0.5) else {}
        return {**further, "action": action, "_selected_action": chosen, "index": "0"}

    def _path(self) -> str:
        route = self._random.choice(self._forms if self._chance(0.5) else self._routes)
        if self._keys and self._chance(0.1):
            first = self._random.choice(sorted(self._keys))
            return f"/{first}/{self._random.choice(self._keys[first])}/"
        start = "/".join(route.split("/")[:4]) + "/"
        if route.startswith("/admin/") and self._chance(0.8):
            route = route.replace("<slug:name>", self._random.choice(("simulator", "whiteout")))
        path = re.sub(r"<[^>]*>", lambda _part: quote(self._id(start), errors="replace"), route)
        path = re.sub(
            r"\(\?P<app_label>[^)]*\)", lambda _part: self._random.choice(self._apps), path
        )
        path = re.sub(r"\(\?P<url>.*?\)", lambda _part: quote(self._text(), errors="replace"), path)
        if self._chance(0.03):
            place = self._random.randrange(len(path)) + 1
            path = path[:place] + quote(self._text(), errors="replace") + path[place:]
        return path.replace("$", "").replace("\\", "")

    def _id(self, start: str = "") -> str:
        """An ID of the model whose list is at `start`, an ID of another model, or no ID at all."""
        if self._chance(0.15):
            return self._text()
        known = self._ids_at.get(start) or self._ids
        return self._random.choice(known if self._chance(0.8) else self._ids)

    def _text(self) -> str:
        if self._chance(0.4):
            return self._random.choice(HOSTILE)
        return self._random.choice(self._ids if self._chance(0.5) else self._words)

    def _name(self) -> str:
        name = self._random.choice(self._names)
        lookup = self._random.choice(_LOOKUPS) if self._chance(0.4) else ""
        return f"{name}__{lookup}" if lookup else name

    def _query(self) -> str:
        if self._chance(0.05):
            return self._text().encode("utf-8", "replace").decode("latin-1")
        pairs = [(self._name(), self._text()) for _ in range(self._random.randint(1, 4))]
        return urlencode(pairs, errors="replace")

    def _form(self) -> dict[str, Any]:
        """Some fields with values. The value `None` removes a field from the form of the page."""
        data: dict[str, Any] = {}
        for _ in range(self._random.choice((0, 0, 1, 1, 2, 5))):
            name = self._random.choice(self._names)
            if self._chance(0.05):
                content = (
                    self._random.randbytes(200)
                    if self._chance(0.5)
                    else self._text().encode("utf-8", "replace")
                )
                data[name] = SimpleUploadedFile(
                    self._random.choice(("a.xlsx", "a.csv", "x" * 300)), content
                )
            elif self._chance(0.1):
                data[name] = None
            else:
                data[name] = [
                    self._valid(self._text()) for _ in range(self._random.choice((1, 1, 2)))
                ]
        return {self._valid(name): value for name, value in data.items()}

    def _body(self) -> bytes:
        """A body that is no form, or a broken form."""
        if self._chance(0.5):
            return self._random.randbytes(self._random.choice((0, 10, 1_000)))
        part = 'Content-Disposition: form-data; name="{}"; filename="{}"\r\n\r\n{}\r\n--x--\r\n'
        text = "--x\r\n" + part.format(self._name(), self._text(), self._text())
        return text.encode("utf-8", "replace")

    @staticmethod
    def _valid(text: str) -> str:
        """The text, with a question mark for what a client cannot encode."""
        return text.encode("utf-8", "replace").decode()

    def _headers(self) -> dict[str, str]:
        if self._chance(0.6):
            return {}
        names = self._random.sample(sorted(_HEADERS), self._random.randint(1, 3))
        return {name: self._random.choice(_HEADERS[name]) for name in names}

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


class Fields(HTMLParser):
    """The fields of all forms of a page, with their values."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._select = self._area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "input" and name:
            is_off = given.get("type") in ("checkbox", "radio") and "checked" not in given
            if not is_off and given.get("type") not in ("submit", "file"):
                self.values.setdefault(name, []).append(given.get("value", ""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self.values.setdefault(self._select, []).append(given.get("value", ""))
        elif tag == "textarea":
            self._area = name
            self.values.setdefault(name, [])

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""
