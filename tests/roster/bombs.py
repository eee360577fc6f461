"""Small workbooks that would take very much memory or time to read."""

from __future__ import annotations

import io
import struct
import zipfile

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def workbook(
    rows: str,
    *,
    strings: str = "",
    styles: str = "",
    sheets: int = 1,
    one_part: bool = False,
    more: dict[str, bytes] | None = None,
    compression: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """A workbook of these XML texts.

    Args:
        rows: the rows of the last sheet. The other sheets are empty.
        strings: the shared strings.
        styles: the content of the style sheet.
        sheets: the number of sheets.
        one_part: whether all sheets refer to one part, which has the rows.
        more: further parts by name.
        compression: the compression method of all parts.
    """
    numbers = range(1, sheets + 1)
    files = [1] if one_part else numbers
    parts = {
        "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_SPREADSHEET}.sheet.main+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{number}.xml" '
            f'ContentType="{_SPREADSHEET}.worksheet+xml"/>'
            for number in files
        )
        + '<Override PartName="/xl/sharedStrings.xml" '
        f'ContentType="{_SPREADSHEET}.sharedStrings+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_SPREADSHEET}.styles+xml"/></Types>',
        "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        + "".join(
            f'<sheet name="s{number}" sheetId="{number}" r:id="rId{number}"/>' for number in numbers
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
        + "".join(
            f'<Relationship Id="rId{number}" Type="{_OFFICE}/worksheet" '
            f'Target="worksheets/sheet{1 if one_part else number}.xml"/>'
            for number in numbers
        )
        + f'<Relationship Id="rIdS" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        f'<Relationship Id="rIdT" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'{_HEAD}<sst xmlns="{_MAIN}">{strings}</sst>',
        "xl/styles.xml": f'{_HEAD}<styleSheet xmlns="{_MAIN}">{styles}</styleSheet>',
    }
    for number in files:
        content = rows if number == files[-1] else ""
        parts[f"xl/worksheets/sheet{number}.xml"] = (
            f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>{content}</sheetData></worksheet>'
        )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
        for name, content_of_part in (more or {}).items():
            archive.writestr(name, content_of_part)
    return written.getvalue()


def string(text: str) -> str:
    """A shared string."""
    return f"<si><t>{text}</t></si>"


def honest_workbook(members: int) -> bytes:
    """A list with player ID, name and realm, as a spreadsheet program saves it."""
    rows = [
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c>'
        '<c r="C1" t="s"><v>2</v></c></row>'
    ]
    names = ["player_id", "name", "realm"]
    for number in range(members):
        line = number + 2
        rows.append(
            f'<row r="{line}" spans="1:3"><c r="A{line}" s="0"><v>{300_000_000 + number}</v></c>'
            f'<c r="B{line}" t="s"><v>{len(names)}</v></c><c r="C{line}"><v>1042</v></c></row>'
        )
        names.append(f"Member {number}")
    return workbook("".join(rows), strings="".join(map(string, names)))


def long_string_in_each_row(characters: int = 5_000, rows: int = 100_000) -> bytes:
    return workbook('<row><c t="s"><v>0</v></c></row>' * rows, strings=string("x" * characters))


def sheets_of_one_part(sheets: int = 30, rows: int = 50_000) -> bytes:
    return workbook("<row/>" * rows, sheets=sheets, one_part=True)


def empty_rows(rows: int = 1_500_000) -> bytes:
    return workbook("<row/>" * rows)


def rows_far_below(row: int = 1_000_000_000) -> bytes:
    return workbook(f'<row r="{row}"><c t="n"><v>123456789</v></c></row>')


def wide_rows(rows: int = 5_000, column: str = "XFD") -> bytes:
    return workbook(
        "".join(
            f'<row r="{number}"><c r="{column}{number}"><v>1</v></c></row>'
            for number in range(1, rows + 1)
        )
    )


def many_cells_in_a_row(cells: int = 2_000_000) -> bytes:
    return workbook(f"<row>{'<c/>' * cells}</row>")


def many_strings(strings: int = 1_000_000) -> bytes:
    return workbook("<row/>", strings="<si><t/></si>" * strings)


def many_styles(styles: int = 700_000) -> bytes:
    return workbook("<row/>", styles=f"<cellXfs>{'<xf/>' * styles}</cellXfs>")


def one_huge_part(size: int = 60_000_000, name: str = "xl/extra.xml") -> bytes:
    return workbook("<row/>", more={name: b"x" * size})


def lying_about_its_size() -> bytes:
    """Shared strings of 60 MB that claim to have 100 bytes."""
    data = bytearray(workbook("<row/>", strings=string("x" * 60_000_000)))
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            if struct.unpack_from("<I", data, at + place)[0] > 60_000_000:
                struct.pack_into("<I", data, at + place, 100)
    return bytes(data)


def deep_elements(depth: int = 400_000) -> bytes:
    return workbook(f"<row><c><is>{'<t>' * depth}{'</t>' * depth}</is></c></row>")


def encrypted() -> bytes:
    """An archive whose parts say that they need a password."""
    data = bytearray(workbook("<row/>"))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            data[at + place] |= 1
    return bytes(data)


def nested() -> bytes:
    """An archive with a workbook in it."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("members.xlsx", honest_workbook(3))
    return written.getvalue()


def many_merged_cells(ranges: int = 20_000) -> bytes:
    merged = "".join(f'<mergeCell ref="A{2 * one + 1}:A{2 * one + 2}"/>' for one in range(ranges))
    data = workbook("<row><c><v>1</v></c></row>")
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(written, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name.endswith("sheet1.xml"):
                part = part.replace(
                    b"</sheetData>", f"</sheetData><mergeCells>{merged}</mergeCells>".encode()
                )
            new.writestr(name, part)
    return written.getvalue()
