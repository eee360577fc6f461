"""Why a member has a code or not, and why a code is closed."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from giftcodes.domain.sentences.text import Text

#: What the answers of the game mean (`giftcodes.domain.outcomes`).
_ANSWERS = {
    "redeemed": Text(_("Redeemed.")),
    "has_it_already": Text(_("The player already has this code.")),
    "has_one_of_the_group": Text(
        _(
            "The player has taken another code of the same group, and the game gives one of them "
            "only."
        )
    ),
    "code_not_known": Text(_("The game does not know this code.")),
    "code_expired": Text(_("The code has expired.")),
    "claim_limit": Text(
        _(
            "The game says that a claim limit is reached: this account's, or the code's. It will "
            "be retried every day."
        ),
        _("The game says that a claim limit is reached: this account's, or the code's."),
    ),
    "code_error": Text(
        _(
            "The game reports an error about this code and does not say which. The request will "
            "be repeated."
        ),
        _("The game reports an error about this code and does not say which."),
    ),
    "wrong_realm": Text(
        _(
            "Player ID and %(realm)s do not belong together, or there is no such player. Correct "
            "the member's %(realm)s; the code is then retried at once."
        ),
        _("Player ID and %(realm)s do not belong together, or there is no such player."),
    ),
    "no_such_player": Text(
        _("The game does not know this player. Check the player ID and the %(realm)s."),
        _("The game does not know this player."),
    ),
    "level_too_low": Text(
        _("The player's level is too low for this code. It will be retried every day."),
        _("The player's level is too low for this code."),
    ),
    "spend_too_low": Text(
        _(
            "The player has spent too little in the game for this code. It will be retried every "
            "day."
        ),
        _("The player has spent too little in the game for this code."),
    ),
    "vip_too_low": Text(
        _("The player's VIP level is too low for this code. It will be retried every day."),
        _("The player's VIP level is too low for this code."),
    ),
    "level_or_spend_too_low": Text(
        _(
            "The player's level is too low for this code, or the player has spent too little in "
            "the game. It will be retried every day."
        ),
        _(
            "The player's level is too low for this code, or the player has spent too little in "
            "the game."
        ),
    ),
    "account_too_young": Text(
        _("The player's account is too young for this code. It will be retried every day."),
        _("The player's account is too young for this code."),
    ),
    "game_timed_out": Text(
        _(
            "The game reported a timeout, and not whether the code was granted. The request will "
            "be repeated."
        ),
        _("The game reported a timeout, and not whether the code was granted."),
    ),
    "game_busy": Text(
        _("The game is busy and may still deliver the code. The request will be repeated later."),
        _("The game is busy and may still deliver the code."),
    ),
    "too_frequent": Text(_("The game asks for a pause between two requests for this player.")),
    "session_lost": Text(
        _("The game lost its session. The request will be repeated."),
        _("The game lost its session."),
    ),
    "signature_refused": Text(
        _("The game refused our signature. The salt in the settings is wrong or has changed.")
    ),
    "field_missing": Text(
        _("A field is missing in our request. The protocol of the game may have changed.")
    ),
    "captcha": Text(
        _(
            "The game asks for a captcha. Redeemer solves no captchas. Redeem by hand on the "
            "game's page until the game stops asking for it."
        )
    ),
    "request_forbidden": Text(
        _(
            "The game's server refused the request itself (HTTP 401 or 403). It may refuse the "
            "address or the clock of Redeemer's server, or the Origin header. Check the clock, and "
            "whether the game's own gift page opens on Redeemer's server."
        )
    ),
    "unknown_answer": Text(
        _("The game sent an unknown message. The request will be repeated."),
        _("The game sent an unknown message."),
    ),
    "unreadable_answer": Text(
        _(
            "The game's answer could not be read, so it is unknown whether the code was granted. "
            "The request will be repeated."
        ),
        _("The game's answer could not be read, so it is unknown whether the code was granted."),
    ),
    "server_failed": Text(
        _(
            "The game's server failed, so it is unknown whether the code was granted. The request "
            "will be repeated."
        ),
        _("The game's server failed, so it is unknown whether the code was granted."),
    ),
    "no_answer": Text(
        _(
            "The game did not answer, so it is unknown whether the code was granted. The request "
            "will be repeated."
        ),
        _("The game did not answer, so it is unknown whether the code was granted."),
    ),
    "unreachable": Text(
        _("The game's server could not be reached. The request will be repeated."),
        _("The game's server could not be reached."),
    ),
    "request_limit": Text(
        _("The game's request limit was reached. Redeeming continues in the next window.")
    ),
    "not_sent": Text(
        _("The request was not sent: the worker was too late, or the game was disconnected.")
    ),
}

_OF_MEMBERS = {
    "redeemed_confirmed": Text(
        _("Redeemed: an earlier request had no clear answer, and a repeat confirmed it.")
    ),
    "claim_limit_closed": Text(
        _("The game says that a claim limit is reached, and the code was closed for this reason.")
    ),
    # `why` is the sentence about the game's answer.
    "must_be_confirmed": Text(_("%(why)s A request for another member must confirm it.")),
    "may_still_have_it": Text(
        _("%(why)s An earlier request had no clear answer, so the player may still have the code.")
    ),
    # `words` is the game's answer, such as `server busy`.
    "no_clear_answer": Text(
        ngettext_lazy(
            "%(words)s: no clear answer in %(tries)s try. See the attempts, then press Redeem now.",
            "%(words)s: no clear answer in %(tries)s tries. See the attempts, then press Redeem "
            "now.",
            "tries",
        ),
        ngettext_lazy(
            "%(words)s: no clear answer in %(tries)s try.",
            "%(words)s: no clear answer in %(tries)s tries.",
            "tries",
        ),
    ),
    "no_clear_answer_after_crash": Text(
        ngettext_lazy(
            "No clear answer in %(tries)s try. Look at the attempts, then press Redeem now.",
            "No clear answer in %(tries)s tries. Look at the attempts, then press Redeem now.",
            "tries",
        ),
        ngettext_lazy(
            "No clear answer in %(tries)s try.", "No clear answer in %(tries)s tries.", "tries"
        ),
    ),
    "waits_for_correction": Text(
        _(
            "Waits for correction: the game does not know this player ID in this %(realm)s. "
            "Correct the member, and every code is tried at once; otherwise the game is asked once "
            "a week."
        ),
        _("The game does not know this player ID in this %(realm)s."),
    ),
    # It does not mention the other guild, because an officer must not learn that a player is in a
    # guild which the officer may not see (`MemberRedemption.full_reason`).
    "covered": Text(_("The player has the code already.")),
    "stopped_by_person": Text(
        _("A person stopped the run before it was this member's turn. “Redeem now” continues it.")
    ),
    "code_closed_before_turn": Text(_("The code was closed before it was this member's turn.")),
    "member_left": Text(_("The member left the guild or opted out.")),
    # `why` is the reason why the code is closed.
    "code_closed_unasked": Text(_("%(why)s No request was sent.")),
    "no_request_sent": Text(_("No request was sent.")),
    "erased_before_known": Text(_("Erased before it was known whether the game had granted it.")),
}

_OF_CODES = {
    "code_used_up": Text(
        _(
            "The game answered USED for %(number)s or more players of different guilds, and "
            "granted the code to no player in that time. So the code has been used as often as the "
            "game allows."
        )
    ),
    "code_ended_by_feed": Text(_("It ended at %(at)s UTC, as the feed says.")),
    "code_ended_by_hand": Text(_("It ended at %(at)s UTC, as was set by hand.")),
    "code_closed_by": Text(_("Closed by %(user)s in the admin.")),
    "code_deleted_by": Text(_("Deleted by %(user)s in the admin.")),
}

TEXTS = {**_ANSWERS, **_OF_MEMBERS, **_OF_CODES}
