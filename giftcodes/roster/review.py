"""Read a list: as a table if its columns are named, and otherwise line by line, as people write.

A record of cells in the order player ID, nickname, realm and day of consent needs no column
names. Every other line is read as a line of a chat (`chat`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from django.utils.translation import gettext

from giftcodes.domain.text import ascii_digits, one_kind_of_space, plain_text, visible
from giftcodes.roster import cells
from giftcodes.roster.chat import LineReading, Reading, numbering_of, read_line
from giftcodes.roster.context import Entry, complete
from giftcodes.roster.limits import LIMITS, too_much
from giftcodes.roster.masks import realm_in
from giftcodes.roster.parse import Record, Table, joined_lines, member_of, table_of
from giftcodes.roster.player_ids import odd_length, player_ids
from giftcodes.roster.values import (
    BadLine,
    ListedMember,
    MemberList,
    Review,
    ReviewedLine,
    Verdict,
)

#: How many characters of a line a review shows.
_SHOWN = 300
_FIELDS = ("player_id", "nickname", "realm", "consented_on")


def member_list(review: Review, *, with_unsure: bool = False) -> MemberList:
    """The good lines of a review, and the others with their reasons.

    Args:
        review: what was found in a list.
        with_unsure: whether to use unsure lines, too, if their values can be used.
    """
    members: dict[str, ListedMember] = {}
    bad: list[BadLine] = []
    repeated: list[BadLine] = []
    for line in review.lines:
        if line.verdict is Verdict.REPEATED:
            repeated.append(BadLine(line.line, line.reason))
            continue
        if line.verdict is Verdict.GOOD or (with_unsure and line.verdict is Verdict.UNSURE):
            try:
                member = listed(line)
            except cells.CellError:
                pass
            else:
                members.setdefault(member.player_id, member)
                continue
        bad.append(BadLine(line.line, line.reason))
    return MemberList(tuple(members.values()), tuple(repeated), tuple(bad), review.ignored_columns)


def listed(line: ReviewedLine) -> ListedMember:
    """The member of a line.

    Raises:
        CellError: a value cannot be used. The error's `field` is its name.
    """
    return listed_values(line.line, **{name: getattr(line, name) for name in _FIELDS})


def listed_values(
    line: int, *, player_id: str, nickname: str = "", realm: str = "", consented_on: str = ""
) -> ListedMember:
    """The member with these values, which are texts as people and spreadsheets write them.

    Raises:
        CellError: a value cannot be used. The error's `field` is its name.
    """
    return ListedMember(
        line=line,
        player_id=cells.value("player_id", cells.player_id, player_id),
        nickname=cells.value("nickname", cells.nickname, nickname),
        realm=cells.value("realm", cells.realm, realm),
        consented_on=cells.value("consented_on", cells.consented_on, consented_on),
    )


def review_of(text: str) -> Review:
    """Read a text: a table, or lines as people write them.

    The text is a table if its first record names the column of the player ID, or if one of the next
    records names it and another column. The columns of a table are separated by commas, semicolons,
    tabs or vertical bars, and a quoted cell may contain line breaks.

    Raises:
        UnreadableListError: the text has columns without the player ID, or exceeds `LIMITS`.
    """
    table = table_of(text)
    entries = [
        Entry(record.line, _original(table, record), reading=_title()) for record in table.before
    ]
    for record in table.records:
        if not _is_rule(record):
            entries += _entries(table, record)
    is_numbered = numbering_of(
        [entry.original for entry in entries if entry.member is None and entry.reading is None]
    )
    players = 0
    for entry in entries:
        if entry.member is None and entry.reading is None:
            entry.reading = read_line(entry.original, is_numbered=is_numbered)
        players += len(entry.reading.players) if entry.reading else 1
        if players > LIMITS.rows:
            raise too_much("rows")
    if not table.columns.has_header:
        complete(entries)
    lines = [line for entry in entries for line in _reviewed(entry, table)]
    return Review(tuple(_joined(lines)), table.columns.ignored)


def _title() -> LineReading:
    return LineReading(reason=gettext("The line is above the names of the columns."))


def _is_rule(record: Record) -> bool:
    """Whether a record is a line such as `|---|---|`, which divides a table."""
    return bool(record.cells) and all(
        (len(cell.strip()) > 1 and not cell.strip().strip("-:=+_")) or not cell.strip()
        for cell in record.cells or []
    )


def _original(table: Table, record: Record) -> str:
    return "\n".join(table.lines[record.line - 1 : record.last_line])


def _entries(table: Table, record: Record) -> Iterator[Entry]:
    """The record as cells if they can be used, and otherwise its lines, which are read later."""
    columns = table.columns
    whole = Entry(record.line, _original(table, record))
    whole.cells = tuple(columns.cell(record.cells or [], name) for name in _FIELDS)
    try:
        member = member_of(record, columns, table.delimiter)
    except cells.CellError as error:
        whole.reason, whole.field = f"{error}{joined_lines(record)}", error.field
    else:
        if columns.has_header or not _is_better_read_as_text(member):
            whole.member = member
            yield whole
            return
        whole.reason, whole.field = odd_length(member.player_id), "player_id"
    if columns.has_header:
        is_id_bad = whole.field in ("", "player_id") or not _is_player_id(whole.cells[0])
        first = whole.original.partition("\n")[0]
        whole.reading = read_line(first) if is_id_bad else LineReading()
        yield whole
    elif record.last_line > record.line:
        for number in range(record.line, record.last_line + 1):
            if table.lines[number - 1].strip():
                words = gettext("Quotation marks join the lines %d to %d. Is this a player?")
                reason = words % (record.line, record.last_line)
                yield Entry(number, table.lines[number - 1], reason=reason)
    elif record.cells is None:
        whole.cells = ()
        whole.reason = whole.reason if table.delimiter in whole.original else ""
        yield whole
    else:
        if _are_cells(record, whole.field) and whole.reason:
            whole.reading = LineReading()
        elif not _has_id(whole.cells[0]):
            whole.cells, whole.reason = (), ""
        yield whole


def _is_better_read_as_text(member: ListedMember) -> bool:
    """Whether a record should be read as text: the name contains a realm or another player ID."""
    name = ascii_digits(member.nickname)
    return bool(realm_in(name) or player_ids(name, is_numbered=False))


def _are_cells(record: Record, field: str) -> bool:
    """Whether a record without column names has its player ID in the first of several cells.

    Then the reason why another cell cannot be used helps more than reading the line as text.
    """
    row = record.cells
    if row is None:
        return False
    try:
        player_id = cells.player_id(row[0]) if row else ""
    except cells.CellError:
        return False
    if odd_length(player_id) or len([cell for cell in row if cell.strip()]) < 2:
        return False
    others = row[1:]
    if any(_is_player_id(cell) for cell in others):
        return False
    return not (field == "realm" and len(row) > 2 and realm_in(row[2]))


def _is_player_id(cell: str) -> bool:
    try:
        return not odd_length(cells.player_id(cell))
    except cells.CellError:
        return False


def _reviewed(entry: Entry, table: Table) -> Iterator[ReviewedLine]:
    """The lines of the review for an entry: one for each player, or one without a player."""
    shown = _shown(entry.original, _SHOWN)
    blank = ReviewedLine(entry.line, shown, Verdict.SKIPPED)
    if entry.member is not None:
        yield _of_member(blank, entry.member)
        return
    reading = entry.reading or LineReading()
    if reading.players:
        for player in reading.players:
            line = _of_player(blank, player)
            if entry.reason and (table.columns.has_header or not entry.cells):
                line = replace(line, verdict=Verdict.UNSURE, reason=_reason_of(entry))
                line = replace(line, field=line.field or entry.field or "player_id")
            yield line
    elif entry.cells and _has_id(entry.cells[0]):
        player_id, nickname, realm, consented_on = (_shortened(cell) for cell in entry.cells)
        yield replace(
            blank,
            verdict=Verdict.UNSURE,
            reason=entry.reason,
            field=entry.field or "player_id",
            player_id=player_id,
            nickname=nickname,
            realm=realm,
            consented_on=consented_on,
        )
    else:
        nickname = "" if entry.cells else reading.name
        if entry.cells and table.columns.has_header:
            nickname = _shortened(entry.cells[1])
        yield replace(blank, reason=entry.reason or reading.reason, nickname=nickname)


def _reason_of(entry: Entry) -> str:
    """Why a line that was read as text is not certain."""
    if entry.cells and not entry.cells[0].strip():
        return gettext("The cells of the line do not fit the columns. Was it read right?")
    return entry.reason


def _has_id(cell: str) -> bool:
    try:
        return bool(cells.player_id(cell))
    except cells.CellError:
        return False


def _shown(text: str, limit: int) -> str:
    return plain_text(one_kind_of_space(visible(text[: 2 * limit])), limit)


def _shortened(cell: str) -> str:
    """The text of a cell for a form field. A nickname that is too long stays too long, so that it
    is reported.
    """
    return _shown(cell, 2 * cells.NICKNAME_LENGTH).strip()


def _of_member(blank: ReviewedLine, member: ListedMember) -> ReviewedLine:
    question = odd_length(member.player_id)
    return replace(
        blank,
        verdict=Verdict.UNSURE if question else Verdict.GOOD,
        reason=question,
        field="player_id" if question else "",
        player_id=member.player_id,
        nickname=member.nickname,
        realm="" if member.realm is None else str(member.realm),
        consented_on="" if member.consented_on is None else member.consented_on.isoformat(),
    )


def _of_player(blank: ReviewedLine, player: Reading) -> ReviewedLine:
    if not player.doubt and (question := odd_length(player.player_id)):
        player.question(question, "player_id")
    line = replace(
        blank,
        verdict=Verdict.UNSURE if player.doubt else Verdict.GOOD,
        reason=player.doubt,
        field=player.doubtful,
        player_id=player.player_id,
        nickname=_shortened(player.nickname),
        realm=player.realm,
    )
    try:
        member = listed(line)
    except cells.CellError as error:
        if len(player.player_id) > 20:
            return replace(blank, reason=str(error))
        return replace(
            line,
            verdict=Verdict.UNSURE,
            reason=f"{line.reason} {error}".strip(),
            field=line.field or error.field,
        )
    return replace(line, nickname=member.nickname)


def _joined(lines: Sequence[ReviewedLine]) -> list[ReviewedLine]:
    """Join the lines of each player.

    The first good line, or else the first line, gets the values that it lacks from the others.
    """
    kept: dict[str, int] = {}
    joined: list[ReviewedLine] = []
    for line in lines:
        joined.append(line)
        if line.verdict not in (Verdict.GOOD, Verdict.UNSURE) or not line.player_id:
            continue
        place = kept.setdefault(line.player_id, len(joined) - 1)
        earlier = joined[place]
        if earlier is line:
            continue
        if earlier.verdict is Verdict.UNSURE and line.verdict is Verdict.GOOD:
            joined[place] = _repeated(earlier, line)
            joined[-1] = _with_more(line, earlier)
            kept[line.player_id] = len(joined) - 1
        else:
            joined[place] = _with_more(earlier, line)
            joined[-1] = _repeated(line, earlier)
    return joined


def _repeated(line: ReviewedLine, other: ReviewedLine) -> ReviewedLine:
    words = (
        gettext("player %(player_id)s is already on line %(line)d.")
        if other.line <= line.line
        else gettext("player %(player_id)s is also on line %(line)d, which is clearer.")
    )
    return replace(
        line,
        verdict=Verdict.REPEATED,
        field="",
        reason=words % {"player_id": line.player_id, "line": other.line},
    )


def _with_more(line: ReviewedLine, other: ReviewedLine) -> ReviewedLine:
    """The line, with the values that it lacks from the other. It is unsure if the realms differ."""
    if line.realm and other.realm and line.realm != other.realm:
        words = gettext("Line %(line)d says %(other)s, and line %(own)d says %(realm)s.") % {
            "line": other.line,
            "other": other.realm,
            "own": line.line,
            "realm": line.realm,
        }
        return replace(
            line,
            verdict=Verdict.UNSURE,
            reason=f"{line.reason} {words}".strip(),
            field=line.field or "realm",
        )
    return replace(
        line,
        nickname=line.nickname or other.nickname,
        realm=line.realm or other.realm,
        consented_on=line.consented_on or other.consented_on,
    )
