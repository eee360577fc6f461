"""What an import does or did, in one line, for the pages and for Discord."""

from __future__ import annotations

from collections.abc import Sized

from giftcodes.domain.sentences import Sentence
from giftcodes.roster import MemberList
from giftcodes.services.imports import ImportResult

#: The maximum size of a list: about 20,000 lines. Django accepts 2.5 MB in a form
#: (DATA_UPLOAD_MAX_MEMORY_SIZE). The forms are multipart, because URL encoding would make Chinese
#: text three times as long.
MOST_BYTES = 1_000_000


def numbers_words(listed: MemberList, result: ImportResult) -> Sentence:
    """The numbers of an import in one line, which follows a word such as “Imported”."""
    parts = [
        Sentence.of("import_added", number=len(result.added)),
        Sentence.of("import_already_there", number=result.already_there),
        Sentence.of("import_left_out", number=len(listed.bad) + len(listed.repeated)),
    ]
    others: dict[str, Sized] = {
        "import_changed": result.changes,
        "import_active_again": result.reactivated,
        "import_opted_out": result.opted_out,
    }
    parts += [Sentence.of(key, number=len(found)) for key, found in others.items() if found]
    return Sentence.list_of(parts)


def imported_words(listed: MemberList, result: ImportResult) -> Sentence:
    """What an import did."""
    return Sentence.of("did_import", numbers=numbers_words(listed, result))
