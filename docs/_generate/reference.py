"""A MkDocs hook that generates the parts of pages that follow from the code or from a record.

A line such as `<!-- generated: settings -->` in a page marks the place of a part. `PARTS` has the
function that writes the part as Markdown. An unknown name, or a setting without a description,
stops the build.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

REPOSITORY = Path(__file__).resolve().parents[2]
#: Where each setting is described.
EXAMPLE = REPOSITORY / ".env.example"
_MARKER = re.compile(r"^<!-- generated: (?P<name>[a-z-]+) -->$", re.MULTILINE)
#: .env.example shows the settings of one game. Every game has the same ones.
_SHOWN_GAME = "WHITEOUT_"
_ANY_GAME = "<GAME>_"
#: Where settings are read, in addition to redeemer/games.py.
_SETTING_SOURCES = ("redeemer/settings.py", "redeemer/paths.py", "redeemer/localserver/*.py")
#: Variables that the code reads, but that belong to the shell and are no settings of this project.
_FOREIGN = {"NO_COLOR", "XDG_DATA_HOME"}
_KINDS = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "0 or 1",
    "list": "list",
    "choice": "choice",
    "zone": "time zone",
}
_OWN_APPS = ("giftcodes", "redeemer")
#: Options that every command of Django has. The page mentions them once, for all commands.
_DJANGO_OPTIONS = {
    "version",
    "verbosity",
    "settings",
    "pythonpath",
    "traceback",
    "no_color",
    "force_color",
    "skip_checks",
}
_HELP_COLUMNS = "80"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the markers in a page. MkDocs calls this for its event `page_markdown`."""
    return _MARKER.sub(lambda match: write_part(match["name"]), markdown)


def write_part(name: str) -> str:
    """Return the part with this name, as Markdown.

    Raises:
        PluginError: there is no such part, or the code lacks something that the part describes,
            such as a help text.
    """
    if name not in PARTS:
        raise PluginError(f"There is no part {name!r}. The parts are: {', '.join(PARTS)}.")
    return PARTS[name]()


# --- Settings -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of `.env.example`.

    Args:
        section: the title of the section that has the setting.
        name: the name, as it is in the file.
        value: the text after the `=`, which is the default. Empty if there is no default.
        description: the comment above the setting, on one line.
    """

    section: str
    name: str
    value: str
    description: str


def settings_of_the_example(text: str) -> Iterator[Setting]:
    """Yield the settings in the text of `.env.example`, in their order."""
    section = ""
    comment: list[str] = []
    for line in text.splitlines():
        if title := re.fullmatch(r"# --- (.+?) -+", line):
            section, comment = title[1], []
        elif setting := re.fullmatch(r"#?([A-Z_]+)=(.*)", line):
            yield Setting(section, setting[1], setting[2], " ".join(comment))
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:])
        else:
            comment = []


def settings_that_are_read() -> dict[str, str]:
    """Return the settings that the code reads, each with its kind ("text", "whole number" …)."""
    found: dict[str, str] = {}
    for file in (file for pattern in _SETTING_SOURCES for file in sorted(REPOSITORY.glob(pattern))):
        text = file.read_text(encoding="utf-8")
        for kind, name in re.findall(r"(?:env|settings)\.(\w+)\(\s*\"([A-Z_]+)\"", text):
            found.setdefault(name, _KINDS[kind])
        for name in re.findall(r"os\.environ\.get\(\"([A-Z_]+)\"", text):
            found.setdefault(name, "text")
    games = (REPOSITORY / "redeemer/games.py").read_text(encoding="utf-8")
    for kind, name in re.findall(r"(\w+)\((?:env, )?game\.setting\(\"([A-Z_]+)\"\)", games):
        found[_SHOWN_GAME + name] = "rate" if kind == "_rate" else _KINDS[kind]
    return {name: kind for name, kind in found.items() if name not in _FOREIGN}


def _settings() -> str:
    found = list(settings_of_the_example(EXAMPLE.read_text(encoding="utf-8")))
    kinds = settings_that_are_read()
    described = {setting.name for setting in found if setting.description}
    if missing := sorted(set(kinds) - described):
        raise PluginError(f".env.example has no description of {', '.join(missing)}.")
    parts = []
    for section in dict.fromkeys(setting.section for setting in found):
        parts += [f"## {section}"]
        parts += [_definition(setting, kinds) for setting in found if setting.section == section]
    return "\n\n".join(parts)


def _definition(setting: Setting, kinds: dict[str, str]) -> str:
    if setting.name not in kinds:
        raise PluginError(f".env.example has {setting.name}, but no code reads this setting.")
    name = setting.name.replace(_SHOWN_GAME, _ANY_GAME)
    default = f", default `{setting.value}`" if setting.value else ""
    return f"**`{name}`** ({kinds[setting.name]}{default})\n:   {setting.description}"


def _games() -> str:
    from redeemer.games import GAMES

    head = ("game", "prefix", "API_URL", "ORIGIN", "RATE", "DIRECTORY_URL")
    return table(
        head,
        (
            (
                game.title,
                f"`{game.setting('')}`",
                *(
                    f"`{value}`" if value else ""
                    for value in (game.api_url, game.origin, game.rate, game.directory_url)
                ),
            )
            for game in GAMES
        ),
    )


# --- Commands and make targets --------------------------------------------------------------------


def own_commands() -> list[str]:
    """Return the names of this project's manage.py commands."""
    _set_up_django()
    from django.core.management import get_commands

    found = {name for name, app in get_commands().items() if app in _OWN_APPS}
    # manage.py runs `up` without Django, so Django does not list it.
    return sorted(found | {"up"})


def _commands() -> str:
    return "\n\n".join(f"## {name}\n\n```text\n{_help_of(name)}\n```" for name in own_commands())


def _help_of(name: str) -> str:
    """Return what `manage.py NAME --help` prints, without the options that every command has.

    Raises:
        PluginError: a command or one of its arguments has no help.
    """
    if name == "up":
        return _printed_by("manage.py", "up", "--help")
    from django.core.management import get_commands, load_command_class

    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    for group in (parser, *parser._action_groups):
        actions = "_actions" if group is parser else "_group_actions"
        kept = [action for action in getattr(group, actions) if action.dest not in _DJANGO_OPTIONS]
        setattr(group, actions, kept)
    if not parser.description:
        raise PluginError(f"The command {name} has no help text.")
    if missing := [action.dest for action in parser._actions if not action.help]:
        raise PluginError(f"The command {name} has no help text for {', '.join(missing)}.")
    os.environ["COLUMNS"] = _HELP_COLUMNS
    return parser.format_help().strip()


def _printed_by(*command: str) -> str:
    environment = {**os.environ, "COLUMNS": _HELP_COLUMNS, "NO_COLOR": "1"}
    ended = subprocess.run(  # noqa: S603
        [sys.executable, *command],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise PluginError(f"{' '.join(command)} failed: {ended.stderr}")
    return ended.stdout.strip()


def make_targets() -> dict[str, str]:
    """Return the Makefile's targets, each with its description."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z-]+):.*?## (.+)$", makefile, re.MULTILINE))


def _make_targets() -> str:
    return table(
        ("target", "what it does"),
        ((f"`make {name}`", text) for name, text in make_targets().items()),
    )


# --- The domain -----------------------------------------------------------------------------------


def _outcomes() -> str:
    _set_up_django()
    from giftcodes.domain.outcomes import MEANINGS
    from giftcodes.domain.sentences import reason_of

    rows = (
        (f"`{outcome.value}`", meaning.words, meaning.scope.value, reason_of(outcome))
        for outcome, meaning in MEANINGS.items()
    )
    return table(("outcome", "word in the log", "concerns", "reason that people read"), rows)


def _invariants() -> str:
    _set_up_django()
    from giftcodes.audit import INVARIANTS

    rows = (
        (invariant.section.value, f"`{invariant.name}`", invariant.sentence)
        for invariant in INVARIANTS
    )
    return table(("part", "name", "what must be true"), rows)


def _metrics() -> str:
    _set_up_django()
    from giftcodes.queries.metrics import METRICS

    rows = (
        (
            f"`{metric.name}{'_total' if metric.is_counter else ''}`",
            ", ".join(metric.labels),
            metric.help,
        )
        for metric in METRICS.values()
    )
    return table(("metric", "labels", "what it says"), rows)


# --- Chaos ----------------------------------------------------------------------------------------


def _scenarios() -> str:
    _set_up_django()
    from chaos import scenarios
    from chaos.scenario import SCENARIOS

    scenarios.load()
    return table(
        ("scenario", "what happens"),
        ((f"`{each.name}`", each.description) for each in SCENARIOS.values()),
    )


def _guards() -> str:
    _set_up_django()
    from chaos.guards import GUARDS

    return table(
        ("guard", "what fails without it"),
        ((guard.name, f"`{guard.watched_by}`") for guard in GUARDS),
    )


# --- Pictures -------------------------------------------------------------------------------------


def _screenshots() -> str:
    pictures = sorted((REPOSITORY / "docs/screenshots").glob("*.png"))
    pages = list(dict.fromkeys(picture.stem.rpartition("-")[0] for picture in pictures))
    variants = ("light", "dark", "phone")
    names = {picture.name for picture in pictures}
    return table(
        ("page", *variants),
        (
            (
                page.replace("-", " "),
                *(
                    f"[{variant}](../screenshots/{page}-{variant}.png)"
                    if f"{page}-{variant}.png" in names
                    else ""
                    for variant in variants
                ),
            )
            for page in pages
        ),
    )


# --- Figures --------------------------------------------------------------------------------------


def _figures() -> dict[str, Callable[[], str]]:
    """The tables of the benchmarks' figures."""
    _find_repository()
    from benchmarks import record

    tables: dict[str, Callable[[], str]] = {
        group.name: partial(record.part, group) for group in record.GROUPS
    }
    return tables | {"peers": record.peers}


def _of_api(name: str) -> str:
    _set_up_django()
    from docs._generate import api

    return str(getattr(api, name)())


def table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    """A table as Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def _find_repository() -> None:
    if str(REPOSITORY) not in sys.path:
        sys.path.insert(0, str(REPOSITORY))


def _set_up_django() -> None:
    _find_repository()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "redeemer.settings")
    import django

    django.setup()


PARTS: dict[str, Callable[[], str]] = {
    "settings": _settings,
    "games": _games,
    "commands": _commands,
    "make-targets": _make_targets,
    "outcomes": _outcomes,
    "invariants": _invariants,
    "metrics": _metrics,
    "api": partial(_of_api, "operations"),
    "problems": partial(_of_api, "problems"),
    "scenarios": _scenarios,
    "guards": _guards,
    "screenshots": _screenshots,
    **_figures(),
}
