"""What an import does or did, in one line, for the pages and for Discord."""

from __future__ import annotations

from django.utils.translation import gettext

from giftcodes.roster import MemberList
from giftcodes.services.imports import ImportResult

#: About 20,000 lines. Django accepts 2.5 MB in a form (DATA_UPLOAD_MAX_MEMORY_SIZE). The forms are
#: multipart, because URL encoding would make Chinese text three times as long.
MOST_BYTES = 1_000_000


def numbers_words(listed: MemberList, result: ImportResult) -> str:
    """The numbers of an import in one line, which follows a word such as “Imported”."""
    left_out = len(listed.bad) + len(listed.repeated)
    parts = [
        str(len(result.added)),
        gettext("already there %d") % result.already_there,
        gettext("left out %d") % left_out,
    ]
    others = (
        (gettext("changed %d"), result.changes),
        (gettext("active again %d"), result.reactivated),
        (gettext("opted out %d"), result.opted_out),
    )
    return ", ".join(parts + [words % len(found) for words, found in others if found])
