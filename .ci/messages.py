"""Update the catalogues of all languages, for the Makefile (`make messages`).

GNU gettext extracts the texts of the app, the project and the templates, merges them into
`giftcodes/locale/*/LC_MESSAGES/django.po`, and compiles the `.mo` files. A language that was added
to `LANGUAGES` gets a new catalogue. Dates are left out of the files, so that a run without new
texts changes nothing.
"""

from __future__ import annotations

import gettext
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parent.parent
_TOOLS = ("xgettext", "msgmerge", "msguniq", "msgattrib", "msgfmt")
#: Nothing in these has a text for users.
_IGNORED = (
    "tests",
    "docs",
    "site",
    "chaos",
    "benchmarks",
    "model",
    "simulator",
    "var",
    ".*",
    # If Django found this folder, it would write the texts of the files beside it here, and not
    # into the folder that `extract` is given.
    "giftcodes/locale",
)
_DATES = re.compile(r'^"(?:POT-Creation|PO-Revision)-Date:.*\n', re.MULTILINE)
_HEADER = r"""msgid ""
msgstr ""
"Project-Id-Version: Redeemer\n"
"Report-Msgid-Bugs-To: \n"
"Language: {locale}\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Content-Transfer-Encoding: 8bit\n"
"Plural-Forms: {plurals}\n"
"""


def missing_tools() -> list[str]:
    """The programs of GNU gettext that are not installed."""
    return [tool for tool in _TOOLS if shutil.which(tool) is None]


def extract(folder: Path, locales: list[str]) -> Path:
    """Extract all texts, and merge them into the catalogues of a folder.

    Args:
        folder: has a folder for each language. The template is written into it, too.
        locales: the languages, such as `pt_BR`, whose catalogues exist.

    Returns:
        The template of a catalogue, with the texts and without translations.
    """
    from django.core.management import call_command
    from django.test.utils import override_settings

    with override_settings(LOCALE_PATHS=[folder]):
        # Without `locale` and `exclude`, Django refuses to run. If there are no languages, exclude
        # all, so that only the template is written. “xx” keeps the list from being empty.
        names = {"locale": locales} if locales else {"exclude": [*_all_locales(folder), "xx"]}
        call_command(
            "makemessages",
            **names,
            ignore_patterns=list(_IGNORED),
            add_location="file",
            no_obsolete=True,
            keep_pot=True,
            verbosity=0,
        )
    for file in (folder / "django.pot", *folder.glob("*/LC_MESSAGES/django.po")):
        text = file.read_text(encoding="utf-8")
        file.write_text(_DATES.sub("", text), encoding="utf-8")
    return folder / "django.pot"


def begin(file: Path, locale: str) -> None:
    """Write a catalogue without texts, with the plural forms that Django has for the language."""
    import django

    known = Path(django.__file__).parent / "conf" / "locale"
    forms = gettext.translation("django", known, [locale]).info()["plural-forms"]
    file.parent.mkdir(parents=True)
    file.write_text(_HEADER.format(locale=locale, plurals=forms), encoding="utf-8")


def compile_all(folder: Path) -> None:
    """Write the `.mo` file of each catalogue. It leaves out what is untranslated or fuzzy."""
    for file in sorted(folder.glob("*/LC_MESSAGES/django.po")):
        command = ["msgfmt", "--check-format", "-o", str(file.with_suffix(".mo")), str(file)]
        subprocess.run(command, check=True)  # noqa: S603


def _all_locales(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir() if one.is_dir()]


def main() -> None:
    """Extract, merge and compile."""
    if missing := missing_tools():
        raise SystemExit(
            f"GNU gettext is needed ({', '.join(missing)}). Install it: apt-get install gettext, "
            "brew install gettext, or from https://www.gnu.org/software/gettext/"
        )
    os.chdir(_REPOSITORY)
    sys.path.insert(0, str(_REPOSITORY))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "redeemer.settings")
    import django
    from django.conf import settings
    from django.utils.translation import to_locale

    django.setup()
    (folder,) = settings.LOCALE_PATHS
    folder.mkdir(exist_ok=True)
    locales = [to_locale(code) for code, _name in settings.LANGUAGES if code != "en"]
    for locale in locales:
        file = folder / locale / "LC_MESSAGES" / "django.po"
        if not file.exists():
            begin(file, locale)
    extract(folder, locales).unlink()
    compile_all(folder)


if __name__ == "__main__":
    main()
