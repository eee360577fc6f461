"""`/import`: a list of players, its review in short, and the import of the good lines.

The list is attached to the answer as a file, and is read again when the button is pressed. So what
is imported is what was reviewed, also after a restart, and nothing is stored in the meantime.
"""

from __future__ import annotations

from collections import Counter

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes import tasks
from giftcodes.discord_bot.answers import (
    Answer,
    Button,
    Field,
    File,
    Form,
    Refused,
    Style,
    in_lines,
    shortened,
)
from giftcodes.discord_bot.names import safe, safe_words
from giftcodes.discord_bot.officers import officer_of
from giftcodes.discord_bot.presses import press
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Source
from giftcodes.models.guild import GuildFullError
from giftcodes.roster import (
    MemberList,
    Review,
    ReviewedLine,
    UnreadableListError,
    Verdict,
    member_list,
    review_of,
    text_of,
    turn_to_read,
)
from giftcodes.services.corrections import TooManyCorrectionsError
from giftcodes.services.discord_links import Asker
from giftcodes.services.discord_officers import CORRECT, IMPORT, Officer
from giftcodes.services.import_words import MOST_BYTES, imported_words, numbers_words
from giftcodes.services.imports import ImportResult, import_members
from giftcodes.site_address import link

#: How many lines of each kind are shown.
_SHOWN = 5
#: The page on which all lines are reviewed.
PAGE = "/admin/import/"
#: The page of an import, where it is undone.
UNDO = "/admin/giftcodes/memberimport/%d/change/"
#: Discord's limit for a field of a form.
_MOST_PASTED = 4_000


def _paste_form(_guild: str) -> Form:
    field = Field(_("The list: any text with player IDs"), most=_MOST_PASTED, is_long=True)
    return Form(_("Import members"), (field,))


@press("paste", values=1, form=_paste_form)
def review_pasted(asker: Asker, chosen: str, text: str) -> Answer:
    """Review a pasted list."""
    return review_file(asker, chosen, text.encode("utf-8", "replace"))


def review_file(asker: Asker, chosen: str, content: bytes | None) -> Answer:
    """Review a list. Nothing is changed.

    Args:
        asker: the person.
        chosen: the guild, if the person is an officer of several.
        content: the list. None if the file is too large, or could not be read.
    """
    officer = officer_of(asker, chosen, IMPORT, CORRECT)
    text, review = _read(officer, content)
    listed = member_list(review)
    result = _import(officer, listed, dry_run=True)
    if number := len(result.opted_out):
        officer.log([officer.guild], Sentence.of("did_preview_opted_out", number=number))
    lines = [_numbers(review), _effects(listed, result)]
    for verdict, sign in _SIGNS.items():
        lines += _first_lines(review, verdict, sign)
    parts = []
    if result.has_changes:
        number = len(listed.members)
        label = ngettext("Import %d good line", "Import %d good lines", number) % number
        parts.append(Button(label, "import", (officer.guild.pk,), Style.FIRST))
    if any(one.verdict is Verdict.UNSURE for one in review.lines):
        lines.append(_rest_words(officer))
    title = _("Import into %s: what it will do") % safe(officer.guild.name)
    file = File("list.txt", text.encode("utf-8", "replace")) if parts else None
    return Answer(in_lines(lines), title, tuple(parts), file)


@press("import", values=1, reads_file=True)
def import_good(asker: Asker, guild_id: str, content: bytes | None) -> Answer:
    """Import the good lines of the list that was reviewed."""
    officer = officer_of(asker, guild_id, IMPORT, CORRECT)
    _text, review = _read(officer, content)
    listed = member_list(review)
    result = _import(officer, listed, dry_run=False)
    officer.log([officer.guild], imported_words(listed, result))
    tasks.enqueue_on_commit(tasks.catch_up, [officer.guild.pk])
    lines: list[str] = [imported_words(listed, result)]
    if result.import_id is not None:
        lines.append(_undo_words(result.import_id))
    if any(one.verdict is Verdict.UNSURE for one in review.lines):
        lines.append(_rest_words(officer))
    button = Button(_("Show the members"), "members", (officer.guild.pk, 1, ""))
    return Answer(in_lines(lines), safe(officer.guild.name), (button,))


def _read(officer: Officer, content: bytes | None) -> tuple[str, Review]:
    """The text of a list, and its review.

    Raises:
        Refused: the list cannot be read.
    """
    if content is None:
        raise Refused(
            _(
                "The file cannot be read: it is larger than 1 MB, or Discord does not have it any "
                "more. Use `/import` again, with a part of the list if it is long."
            )
        )
    if not content.strip():
        raise Refused(_("The list is empty. Use `/import` again with the list."))
    try:
        text = text_of(content)
        if len(text.encode("utf-8", "replace")) > MOST_BYTES:
            raise Refused(_("The list is longer than 1 MB. Split it, and import the parts."))
        with turn_to_read(text, officer.guild):
            return text, review_of(text)
    except UnreadableListError as error:
        raise Refused(safe_words(error)) from None


def _import(officer: Officer, listed: MemberList, *, dry_run: bool) -> ImportResult:
    try:
        return import_members(
            officer.guild.pk,
            listed.members,
            source=Source.ADMIN,
            user_id=officer.user_id,
            is_limited=officer.is_limited,
            by=officer.by,
            dry_run=dry_run,
        )
    except (GuildFullError, TooManyCorrectionsError) as error:
        raise Refused(safe_words(error)) from None


# --- Words ----------------------------------------------------------------------------------------
_SIGNS = {Verdict.GOOD: "🟢", Verdict.UNSURE: "🟠", Verdict.SKIPPED: "⚫"}


def _numbers(review: Review) -> str:
    """How many lines are good, need a look, and are left out."""
    counts = Counter(one.verdict for one in review.lines)
    left_out = counts[Verdict.SKIPPED] + counts[Verdict.REPEATED]
    good, unsure, out = _("Good"), _("Needs a look"), _("Left out")
    return (
        f"🟢 {good}: **{counts[Verdict.GOOD]}** · 🟠 {unsure}: **{counts[Verdict.UNSURE]}** · "
        f"⚫ {out}: **{left_out}**"
    )


def _effects(listed: MemberList, result: ImportResult) -> str:
    """What the import of the good lines would do, in the same words as its result."""
    if not listed.members:
        return _("No line is good, so nothing would be imported.")
    return _("Would import %s.") % numbers_words(listed, result)


def _first_lines(review: Review, verdict: Verdict, sign: str) -> list[str]:
    some = [one for one in review.lines if one.verdict is verdict]
    shown = [f"{sign} {_of_line(one)}" for one in some[:_SHOWN]]
    if len(some) > _SHOWN:
        shown.append(f"… +{len(some) - _SHOWN}")
    return ["", *shown] if shown else []


def _of_line(one: ReviewedLine) -> str:
    """A line with what was read, or with the reason why it is not used."""
    if one.verdict is Verdict.GOOD:
        values = [one.player_id, one.nickname, one.realm]
        return f"{one.line}. {safe(' · '.join(value for value in values if value))}"
    original = safe(shortened(one.original, 60))
    return f"{one.line}. {original}: {safe_words(shortened(one.reason, 150))}"


def _rest_words(officer: Officer) -> str:
    """Where the lines that need a look can be corrected."""
    if url := link(f"{PAGE}?guild={officer.guild.pk}"):
        words = _(
            "To use lines that need a look, [paste the list on the site](%s), and correct them "
            "there."
        )
        return "\n" + words % url
    return "\n" + _("To import lines that need a look, correct them, and use `/import` again.")


def _undo_words(import_id: int) -> str:
    """Where an import can be undone."""
    if url := link(UNDO % import_id):
        return _("The import can be undone [on the site](%s), even days later.") % url
    return _("The import can be undone on the site, even days later: under “Members”, “Imports”.")
