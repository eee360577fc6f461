"""What a feed or a directory of players answered, and what to do about it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from giftcodes.domain.sentences.text import Text

#: Parts of other sentences: where to look, and why an answer is incomplete.
_PARTS = {
    "check_setting": Text(_("Check %(setting)s in the settings.")),
    "check_address_of_game": Text(_("Check the address of the feed under “Connect a game”.")),
    "check_key_of_game": Text(_("Check the key of the feed under “Connect a game”.")),
    "check_address_below": Text(_("Check the address of the feed below.")),
    "check_key_below": Text(_("Check the key of the feed below.")),
    "check_address_of_feed": Text(_("Check the address on the page of the feed.")),
    "check_key_of_feed": Text(_("Check the key on the page of the feed.")),
    "answer_too_slow": Text(_("The answer did not end in time.")),
    "answer_too_long": Text(_("The answer is longer than any answer should be.")),
    "answer_broken_off": Text(_("The answer broke off, or could not be decompressed.")),
}

# `check` is such as `Check the key on the page of the feed.`, `status` is the HTTP status, and
# `said` and `error` are words of the service or the system.
_OF_REQUESTS = {
    "feed_format_unknown": Text(_("%(setting)s has an unknown value. Known formats: %(formats)s.")),
    "feed_not_decrypted": Text(
        _(
            "The address or the key of the feed cannot be read, because the encryption key is "
            "missing. Enter the address and the key of the feed again on its page."
        )
    ),
    "feed_of_unknown_game": Text(_("The game of this feed is no longer in the settings.")),
    "feed_key_not_sendable": Text(
        _("The feed's key has characters that no header can carry. %(check)s")
    ),
    "feed_unreached": Text(
        _("The feed could not be reached (%(error)s). %(check)s The feed will be polled again.")
    ),
    "feed_at_private_host": Text(
        _(
            "The address leads to this machine or into a private network, which is not allowed. If "
            "the host is yours, add it to the setting %(setting)s."
        )
    ),
    "feed_no_answer": Text(_("The feed did not answer (%(error)s). It will be polled again.")),
    "feed_refused_key": Text(_("The feed refused our key (HTTP %(status)s). %(check)s")),
    "feed_too_often": Text(
        _("The feed asks for fewer requests (HTTP 429). It will be polled again later.")
    ),
    "feed_failed": Text(_("The feed's server failed (HTTP %(status)s). It will be polled again.")),
    "feed_redirects": Text(
        _("The feed answers with a redirect (HTTP %(status)s), which is not followed. %(check)s")
    ),
    "feed_not_at_address": Text(
        _("The feed does not know this address (HTTP %(status)s). %(check)s")
    ),
    "feed_answer_cut": Text(_("%(why)s The feed will be polled again.")),
    "feed_says": Text(_("%(problem)s The feed says: %(said)s")),
    "feed_error_instead_of_list": Text(
        _("The feed sent an error and no list. It will be polled again.")
    ),
    "feed_unreadable": Text(
        _("The feed's answer could not be read (%(error)s). It will be polled again.")
    ),
}

_OF_LISTS = {
    "answer_not_json": Text(_("The answer is not JSON. It may be a web page.")),
    "answer_other_json": Text(_("The answer is JSON, but not in the form of a feed.")),
    "answer_without_codes": Text(
        _("The answer has no list of codes. The address may belong to another service.")
    ),
    "answer_without_gift_codes": Text(
        _("The answer has no list “data.giftCodes”. The feed's address or format may be wrong.")
    ),
    "no_list_at_path": Text(_("There is no list at “%(path)s”. Check the path.")),
    "no_list_in_answer": Text(_("There is no list in the answer itself. Check the path.")),
    "nothing_selected": Text(
        _("The selector finds nothing on the page. The page may have changed: check the selector.")
    ),
    "neither_rss_nor_atom": Text(_("The answer is neither RSS nor Atom. Check the address.")),
    "reading_too_much": Text(
        _("Reading the answer took too much time or memory. The source may be broken, or hostile.")
    ),
    "reading_failed": Text(
        _("The answer could not be read. Check the address and the options of the source.")
    ),
    "no_process": Text(_("This server could not start a process (%(error)s).")),
    "too_many_entries": Text(
        _(
            "The source has more than %(number)s entries. They cannot all be codes: check its "
            "options."
        )
    ),
    "too_many_codes": Text(
        _("The feed lists more than %(number)s codes. Check its address; none of them is used.")
    ),
}

# What is wrong with the options that an administrator entered. `here` is `{code}`.
_OF_OPTIONS = {
    "selector_missing": Text(_("Enter a CSS selector, such as ul.codes li.")),
    "selector_wrong": Text(_("This is not a CSS selector. An example is: ul.codes li")),
    "path_step_wrong": Text(
        _(
            "“%(step)s” cannot be a step of a path. Write names with dots between them, such as "
            "data.codes."
        )
    ),
    "template_without_code": Text(
        _("Write %(here)s once, at the place of the code, such as: gift code %(here)s")
    ),
    "template_without_words": Text(
        _("Write at least one word beside %(here)s. Otherwise every word could be a code.")
    ),
}

# Each is a line of a list. `line`, `value` and `type` are from the feed.
_OF_LINES = {
    "line_not_text": Text(_("not a text but a value of type %(type)s")),
    "line_not_object": Text(_("not an object but a value of type %(type)s")),
    "line_not_code_and_day": Text(_("not a code and a day: %(line)s")),
    "line_not_code": Text(_("not 1 to 32 letters and digits: %(line)s")),
    "line_not_day": Text(_("not a day like 31.12.2026: %(line)s")),
    "line_code_not_text": Text(_("its code is not a text but a value of type %(type)s")),
    "line_day_unknown": Text(
        _("%(code)s: its day cannot be read and is taken as unknown: %(value)s")
    ),
    "line_end_unknown": Text(
        _("%(code)s: its end cannot be read and is taken as unknown: %(value)s")
    ),
}

_OF_DIRECTORIES = {
    "directory_unreadable": Text(_("The directory's answer could not be read (%(error)s).")),
    "directory_id_not_digits": Text(
        _("The player ID has characters other than digits, so it is not looked up. Correct it.")
    ),
    "directory_key_not_sendable": Text(
        _("The directory's key has characters that no header can carry. %(check)s")
    ),
    "directory_unreached": Text(_("The directory could not be reached (%(error)s).")),
    "directory_refused_key": Text(_("The directory refused our key (HTTP %(status)s). %(check)s")),
    "directory_too_often": Text(_("The directory asks for fewer requests (HTTP 429).")),
    "directory_failed": Text(_("The directory's server failed (HTTP %(status)s).")),
    "directory_not_at_address": Text(
        _("The directory does not answer at this address (HTTP %(status)s). %(check)s")
    ),
    "directory_not_json": Text(_("The answer is not JSON (HTTP %(status)s). %(check)s")),
    "directory_unknown_player": Text(_("The directory does not know the player.")),
    "directory_not_object": Text(_("The answer is not a JSON object.")),
    "directory_other_player": Text(_("The answer is about a different player.")),
    "directory_no_name": Text(_("The answer has no name of a player.")),
    "directory_no_realm": Text(_("The answer has no realm.")),
    "directory_many_realms": Text(_("The answer has more than one realm.")),
    "directory_other_form": Text(
        _(
            "%(problem)s The form of the directory's answers may have changed. If so, the code in "
            "giftcodes/clients/directories must be changed too."
        )
    ),
}

# The answers to a program that sends codes. Programs get English.
_OF_BODIES = {
    "body_of_other_form": Text(
        'The body has no code. Send {"code": "…"} or {"codes": ["…", {"code": "…", '
        '"published": "…", "expires": "…"}]}, or a text with one code in each line.'
    ),
    "body_too_many_codes": Text("The body has more than %(number)s codes. Send fewer at a time."),
    "body_without_codes": Text("The body has no readable code."),
}

TEXTS = {
    **_PARTS,
    **_OF_REQUESTS,
    **_OF_LISTS,
    **_OF_OPTIONS,
    **_OF_LINES,
    **_OF_BODIES,
    **_OF_DIRECTORIES,
}
