"""The review of a member list as a browser shows it: its rows can be changed, and sent again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder

from django.test import Client

from giftcodes.models import Guild

PAGE = "/admin/import/"
_VOID = {"input", "meta", "link", "br", "img", "hr"}


class _Tree(HTMLParser):
    """Builds a tree of a page. It ignores a closing tag whose element is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.builder = TreeBuilder()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        if tag in _VOID:
            self.builder.end(tag)
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while (last := self.open.pop()) != tag:
                self.builder.end(last)
            self.builder.end(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.builder.data(data)


def _form(page: str) -> Element:
    tree = _Tree()
    tree.feed(page[page.index("<html") :])
    root = tree.builder.close()
    (form,) = [form for form in root.iter("form") if form.get("id") == "review"]
    return form


def _words(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _with_class(element: Element, name: str) -> Iterator[Element]:
    return (one for one in element.iter() if name in one.get("class", "").split())


@dataclass
class ShownRow:
    """A line of the review."""

    key: str
    values: dict[str, str]
    is_ticked: bool
    words: str
    effect: str
    original: str


class Reviewed:
    """A page with a review."""

    def __init__(self, client: Client, page: str) -> None:
        self.client, self.page = client, page
        form = _form(page)
        inputs = [one for one in form.iter("input") if one.get("type") != "checkbox"]
        self.fields = {one.get("name", ""): one.get("value", "") for one in inputs}
        (listing,) = form.iter("textarea")
        self.fields["listing"] = (listing.text or "").removeprefix("\n")
        self.rows = [self._row(row) for body in form.iter("tbody") for row in body.iter("tr")]
        totals = [(one.findtext("dt"), one.findtext("dd")) for one in form.iter("div")]
        self.numbers = {name: int(number) for name, number in totals if name and number}
        counts = [_words(one).rpartition(": ") for one in _with_class(form, "effect-count")]
        self.effects = {name: int(number) for name, _colon, number in counts}
        buttons = {_words(one) for one in form.iter("button") if one.get("name") == "apply"}
        (self.button,) = buttons
        focused = [one.get("name", "") for one in form.iter() if "autofocus" in one.attrib]
        assert len(focused) < 2
        self.focused = focused[0] if focused else ""

    def _row(self, row: Element) -> ShownRow:
        inputs = list(row.iter("input"))
        tick = inputs[0]
        key = tick.get("name", "").removesuffix(".use")
        if "checked" in tick.attrib:
            self.fields[f"{key}.use"] = "on"
        reasons = [*_with_class(row, "why"), *_with_class(row, "trouble")]
        effects = [_words(one) for one in _with_class(row, "effect")]
        (original,) = [bdi for one in _with_class(row, "original") for bdi in one.iter("bdi")]
        return ShownRow(
            key,
            {one.get("name", "").rpartition(".")[2]: one.get("value", "") for one in inputs[1:]},
            "checked" in tick.attrib,
            _words(reasons[0]) if reasons else "",
            effects[0] if effects else "",
            "".join(original.itertext()),
        )

    def row(self, player_id: str) -> ShownRow:
        """The first row with this text as its player ID."""
        return next(row for row in self.rows if row.values["player_id"] == player_id)

    def write(self, player_id: str, /, **values: str) -> None:
        """Write into the fields of a row."""
        row = self.row(player_id)
        row.values |= values
        self.fields |= {f"{row.key}.{name}": value for name, value in values.items()}

    def tick(self, player_id: str, *, is_on: bool = True) -> None:
        """Tick a row, or clear its tick."""
        key = f"{self.row(player_id).key}.use"
        self.fields.pop(key, None)
        if is_on:
            self.fields[key] = "on"

    def press(self, button: str, value: str = "yes") -> str:
        """Send the form with a button, and return the page that follows."""
        answer: Any = self.client.post(PAGE, {**self.fields, button: value}, follow=True)
        assert answer.status_code == 200
        return str(answer.content.decode())


def reviewed(client: Client, guild: Guild, listing: str, **more: str) -> Reviewed:
    """Paste a member list, send it, and return its review."""
    answer = client.post(PAGE, {"guild": guild.pk, "listing": listing, **more})
    return Reviewed(client, answer.content.decode())
