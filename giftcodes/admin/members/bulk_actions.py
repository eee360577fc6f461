"""Actions on many members that ask for a value first: move to a guild, set the state or kingdom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.confirmation import SHOWN, confirmation_page, group, log
from giftcodes.correction_words import asked_again_words
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.validators import validate_realm
from giftcodes.form_fields import WholeNumberField
from giftcodes.models import Guild, Member
from giftcodes.models.fields import without_notes
from giftcodes.models.game_words import place_word, places
from giftcodes.queries import scope
from giftcodes.services.corrections import correct_members
from giftcodes.services.members import MoveResult, move_members

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from giftcodes.admin.common.base import Page
    from giftcodes.admin.common.editing import KeepsHistory


class GuildForm(forms.Form):
    """The guild to move to."""

    guild = forms.ModelChoiceField(Guild.objects.none(), label=_("Guild"))

    def __init__(self, *data: Any, guilds: QuerySet[Guild], **options: Any) -> None:
        """Offer these guilds as choices."""
        super().__init__(*data, **options)
        choice = self.fields["guild"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = guilds


class RealmForm(forms.Form):
    """The state or kingdom number."""

    realm = WholeNumberField(
        label=places(),
        required=False,
        min_value=1,
        validators=[validate_realm],
        widget=forms.TextInput({"inputmode": "numeric"}),
        help_text=_("A number. Leave the field empty to use the guild's number."),
    )


def _no_other_guild(request: HttpRequest) -> Any:
    """Why there is no guild to choose, and what this person can do about it."""
    if scope.sees_all(request.user):
        return _("This game has no other guild to move to. Add one first.")
    return _(
        "You are an officer of no other guild of this game. Ask an administrator to move the "
        "members, or to make you an officer of the other guild too."
    )


def move(request: HttpRequest, page: Page, members: QuerySet[Member]) -> HttpResponse | None:
    """Do the next step of a move: ask for the guild, show the effects, or move the members."""
    games = members.order_by().values("guild__provider")
    guilds = without_notes(
        scope.visible(Guild.objects.active().filter(provider__in=games), request.user)
    )
    form = GuildForm(request.POST if "guild" in request.POST else None, guilds=guilds)
    title = _("Move members to another guild")
    if not form.is_valid():
        intro = _(
            "The members become inactive in their guild, and active in the new one. Their "
            "history and the notes about them stay, and no code is redeemed for them twice."
        )
        chosen = group(_("Chosen"), "pending", members)
        is_possible = guilds.exclude(pk__in=members.order_by().values("guild")).exists()
        return confirmation_page(
            request,
            page,
            "move",
            intro=intro if is_possible else _no_other_guild(request),
            confirm=_("Show what it would do"),
            groups=[chosen],
            is_asking=is_possible,
            has_something=is_possible,
            title=title,
            form=form,
        )
    guild: Guild = form.cleaned_data["guild"]
    ids = list(members.values_list("pk", flat=True))
    if SHOWN not in request.POST:
        result = move_members(ids, guild_id=guild.pk, dry_run=True)
        return confirmation_page(
            request,
            page,
            "move",
            intro=_("Nothing has been changed yet. These members would move to guild %s.") % guild,
            confirm=_("Move"),
            groups=[
                group(_("Would move"), "redeemed", result.moved),
                group(
                    _("Would stay"), "failed", [f"{member} {why}" for member, why in result.refused]
                ),
            ],
            has_something=bool(result.moved),
            title=title,
            form=form,
        )
    _done(request, guild, move_members(ids, guild_id=guild.pk))
    return None


def _done(request: HttpRequest, guild: Guild, result: MoveResult) -> None:
    report = Report()
    if number := len(result.moved):
        words = ngettext(
            "%d member moved to guild %s.", "%d members moved to guild %s.", number
        ) % (number, guild)
        report.done(words)
        _log_move(request, guild, result)
        tasks.enqueue_on_commit(tasks.catch_up, sorted({guild.pk, *result.left}))
    for member, why in result.refused:
        report.refused(f"{member} {why}.")
    report.tell(request)


def _log_move(request: HttpRequest, guild: Guild, result: MoveResult) -> None:
    """Add the move to the histories of the guilds.

    Neither history names the other guild, because not every reader may see both guilds.
    """
    log(request, [guild], Sentence.of("did_receive_members", number=len(result.moved)))
    left = Sentence.of("did_move_members")
    log(request, list(without_notes(Guild.objects.filter(pk__in=result.left))), left)


def deactivate(
    request: HttpRequest, page: KeepsHistory, members: QuerySet[Member]
) -> HttpResponse | None:
    """Do the next step: say what it means to make members inactive, or make them inactive."""
    report = Report()
    if SHOWN in request.POST:
        page.retire(request, members, report)
        report.tell(request)
        return None
    active, inactive = members.filter(active=True), members.filter(active=False)
    return confirmation_page(
        request,
        page,
        "deactivate",
        title=_("Make members inactive"),
        intro=_(
            "Nothing has been changed yet. Codes are no longer redeemed for inactive members in "
            "their guild, and their waiting redemptions are cancelled. Nothing is deleted. To undo "
            "it, choose the same members and “Make active”, or paste a list that names them."
        ),
        confirm=_("Make inactive"),
        groups=[
            group(_("Would become inactive"), "cancelled", active),
            group(_("Are inactive already"), "pending", inactive),
        ],
        has_something=active.exists(),
    )


def set_realm(request: HttpRequest, page: Page, members: QuerySet[Member]) -> HttpResponse | None:
    """Do the next step of a correction: ask for the realm, or set it."""
    form = RealmForm(request.POST if "realm" in request.POST else None)
    if not form.is_valid():
        return confirmation_page(
            request,
            page,
            "set_realm",
            title=_("Set the state or kingdom of members"),
            intro=_(
                "If the game refused a member because of a wrong number, the code is asked for "
                "again at once."
            ),
            confirm=_("Set it"),
            groups=[group(_("Chosen"), "pending", members)],
            form=form,
            is_asking=True,
        )
    realm = form.cleaned_data["realm"]
    corrected = correct_members(members.values_list("pk", flat=True), realm, person=request.user)
    changed, same = corrected.changed, corrected.same
    report = Report()
    for sentence in corrected.refused:
        report.refused(sentence)
    for member in changed:
        report.done(
            gettext("%(member)s is in %(place)s %(number)s now.")
            % {
                "member": member,
                "place": place_word(member.guild.provider),
                "number": member.realm or member.guild.realm,
            }
        )
    for member in same:
        report.nothing(gettext("%s is in this state or kingdom already.") % member)
    log(request, changed, Sentence.of("did_set_realm"))
    if changed:
        if again := asked_again_words(changed):
            report.together(again)
        tasks.enqueue_on_commit(tasks.catch_up, sorted({member.guild_id for member in changed}))
    report.tell(request)
    return None
