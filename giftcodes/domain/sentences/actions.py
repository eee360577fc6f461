"""What a person did, for the list of changes and the histories of rows."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from giftcodes.domain.lists import LIST_OF
from giftcodes.domain.sentences.text import Text

#: Parts of other sentences.
_PARTS = {
    "list_of": Text(LIST_OF),
    "done_by": Text("%(done)s %(by)s"),
    "import_added": Text("%(number)s"),
    "import_already_there": Text(_("already there %(number)s")),
    "import_left_out": Text(_("left out %(number)s")),
    "import_changed": Text(_("changed %(number)s")),
    "import_active_again": Text(_("active again %(number)s")),
    "import_opted_out": Text(_("opted out %(number)s")),
    "undo_removed": Text(_("%(number)s removed")),
    "undo_inactive": Text(_("%(number)s inactive now")),
    "undo_restored": Text(_("%(number)s restored")),
    "undo_nothing": Text(_("nothing was changed")),
    "undo_unchanged": Text(_("%(number)s unchanged, because they have been edited since")),
    "field_salt": Text(_("salt")),
    "field_feed_url": Text(_("address of the feed")),
    "field_feed_key": Text(_("API key of the feed")),
    "field_feed_format": Text(_("format of the feed")),
    "field_api_url": Text(_("address of the game")),
    "field_is_enabled": Text(_("switch")),
}

_OF_RUNS = {
    "did_press_redeem": Text(_("Redeem now was pressed.")),
    "did_start": Text(_("Redeem now: started.")),
    "did_stop": Text(_("Stopped.")),
    "did_resume": Text(_("Resumed.")),
    "did_export_coverage": Text(_("The coverage was exported.")),
}

_OF_CODES = {
    "did_offer_spelling": Text(_("Another spelling was offered: %(code)s.")),
    "did_approve_listed": Text(_("Listed by a feed, and approved.")),
    "did_approve_proposed": Text(_("Proposed by an officer, and approved.")),
    "did_approve": Text(_("Approved.")),
    "did_reject": Text(_("Rejected.")),
    "did_reopen": Text(_("Reopened.")),
    "did_reissue": Text(_("Reissued.")),
    "did_add_by_program": Text(_("The code, or another spelling of it, was added by a program.")),
    "did_spell_in_discord": Text(_("The code, or another spelling of it, was added in Discord.")),
    "did_add_in_discord": Text(_("Added in Discord.")),
}

_OF_GUILDS = {
    "did_activate": Text(_("Activated.")),
    "did_deactivate": Text(_("Deactivated.")),
    "did_switch_on": Text(_("Switched on.")),
    "did_switch_off": Text(_("Switched off.")),
    "did_make_secret": Text(_("Made a new secret.")),
    "did_unlink_server": Text(_("Ended the link of the Discord server %(name)s.")),
    "did_make_discord_code": Text(_("Made a code that links a Discord server.")),
    "did_choose_in_discord": Text(_("Chosen in Discord: the bot announces here.")),
    "did_delete_in_discord": Text(_("Deleted the channel %(name)s in Discord.")),
    "did_make_join_link": Text(_("Made a join link.")),
    "did_change_join_link": Text(_("Changed the conditions of the join link.")),
    "did_end_join_link": Text(_("Ended the join link.")),
    "did_publish": Text(_("Switched the public page on.")),
    "did_unpublish": Text(_("Switched the public page off.")),
    "did_refuse_requests": Text(
        ngettext_lazy(
            "Refused %(number)s request to join.",
            "Refused %(number)s requests to join.",
            "number",
        )
    ),
}

_OF_MEMBERS = {
    "did_approve_request": Text(_("An officer approved the player's request to join.")),
    "did_set_realm": Text(_("Set the state or kingdom.")),
    "did_change_member": Text(_("Changed a member.")),
    "did_add_members": Text(_("Added or corrected members.")),
    "did_make_active": Text(_("Made active.")),
    "did_make_inactive": Text(_("Made inactive.")),
    "did_export_members": Text(_("Members were exported.")),
    "did_opt_out": Text(_("Opted out.")),
    "did_opt_in": Text(_("Opt-out taken back.")),
    "did_export_player": Text(_("The player's data was exported.")),
    "did_erase": Text(_("Erased.")),
    "did_receive_members": Text(
        ngettext_lazy(
            "%(number)s member came from another guild.",
            "%(number)s members came from another guild.",
            "number",
        )
    ),
    "did_move_members": Text(_("Members moved to another guild.")),
    "did_preview_opted_out": Text(
        ngettext_lazy(
            "The preview of an import named %(number)s player who has opted out.",
            "The preview of an import named %(number)s players who have opted out.",
            "number",
        )
    ),
    # `numbers` is such as `5, already there 2, left out 0`.
    "did_import": Text(_("Imported %(numbers)s.")),
    "did_undo": Text("%(numbers)s."),
    "did_undo_import": Text(_("An import was undone: %(done)s")),
    # Reasons of versions. `guild` is its number, or its name for a person who may see it.
    "member_moved_from": Text(_("Moved from %(guild)s.")),
    "member_moved_to": Text(_("Moved to %(guild)s.")),
    "member_imported": Text(_("Imported.")),
    "import_undone": Text(_("Import %(number)s undone.")),
    "from_directory": Text(_("From the directory %(host)s.")),
}

_OF_SETTINGS = {
    "did_set": Text(_("Set.")),
    "did_remove": Text(_("Removed.")),
    # `fields` is such as `salt, address of the feed`.
    "did_set_fields": Text(_("Set: %(fields)s.")),
    "did_remove_fields": Text(_("Removed: %(fields)s.")),
    "did_poll": Text(_("Polled.")),
    "did_pause": Text(_("Paused.")),
    "did_make_token": Text(_("Made a token.")),
    "did_trust_feed": Text(_("A new code is tried at once, for one member first.")),
    "did_distrust_feed": Text(_("A new code waits for an administrator.")),
    "did_let_officers_add": Text(_("Officers add new codes. A new code is redeemed at once.")),
    "did_let_officers_propose": Text(
        _("Officers propose new codes. An administrator approves each of them.")
    ),
}

_OF_PEOPLE = {
    "did_make_password_link": Text(_("A link for a new password was made.")),
    "did_choose_password": Text(_("Chose a new password by a link.")),
    "did_invite": Text(_("Invited.")),
    "did_renew": Text(_("Renewed.")),
    "did_withdraw": Text(_("Withdrawn.")),
    "did_accept_invitation": Text(_("Accepted the invitation of %(user)s.")),
    "did_make_api_token": Text(_("Made the API token “%(name)s”.")),
    "did_revoke_api_token": Text(_("Revoked the API token “%(name)s”.")),
}

TEXTS = {
    **_PARTS,
    **_OF_RUNS,
    **_OF_CODES,
    **_OF_GUILDS,
    **_OF_MEMBERS,
    **_OF_SETTINGS,
    **_OF_PEOPLE,
}
