"""Lists as people paste them, each with the review that is expected.

A line of a review is written as `mark ID | name | realm`. The marks: `+` good, `?` unsure, `=`
repeated, `-` left out. The lines of a review stand in the order of the list.
"""

from __future__ import annotations

LISTS: dict[str, tuple[str, str]] = {
    "bare IDs": (
        "410000101\n410000102\n\n410000103\n",
        """
        + 410000101 | |
        + 410000102 | |
        + 410000103 | |
        """,
    ),
    "numbered in many ways": (
        "1. Amber 410000101\n2) Birch – 410 000 102\n3 - Cinder: 410.000.103\n"
        "(4) Dahlia, 410000104\n#5 Elm 410000105 state 1043\n№6 Fern 410000106\n"
        "7️⃣ Ginkgo 410000107\n⑧ Hazel 410000108\n9.410000109 Iris\n",
        """
        + 410000101 | Amber |
        + 410000102 | Birch |
        + 410000103 | Cinder |
        + 410000104 | Dahlia |
        + 410000105 | Elm | 1043
        + 410000106 | Fern |
        + 410000107 | Ginkgo |
        + 410000108 | Hazel |
        + 410000109 | Iris |
        """,
    ),
    "under headings with the state": (
        "State 1043:\n410000101\n410000102 Birch\n410000103 Cinder K1050\n\nKingdom 1044\n"
        "410000104 Dahlia\n410000105 Elm, 410000106 Fern\n",
        """
        - | |
        + 410000101 | | 1043
        + 410000102 | Birch | 1043
        + 410000103 | Cinder | 1050
        - | |
        + 410000104 | Dahlia | 1044
        + 410000105 | Elm | 1044
        + 410000106 | Fern | 1044
        """,
    ),
    "numbered without a sign, IDs in groups": (
        "1 410 000 101 Amber\n2 410 000 102 Birch\n3 410 000 103 Cinder\n",
        """
        + 410000101 | Amber |
        + 410000102 | Birch |
        + 410000103 | Cinder |
        """,
    ),
    "groups after a number that may be the line's": (
        "1 410 000 101 Amber\n",
        "? 1410000101 | Amber |",
    ),
    "bullets, arrows and check marks": (
        "• Amber → 410000101\n- Birch => 410000102\n▪️ Cinder ➡️ 410000103\n* Dahlia 410000104\n"
        "✅ Elm — 410000105 ✅\n☑️ Fern=410000106\n410000107👉🏽Ginkgo\n— Hazel » 410000108\n",
        """
        + 410000101 | Amber |
        + 410000102 | Birch |
        + 410000103 | Cinder |
        + 410000104 | Dahlia |
        + 410000105 | Elm |
        + 410000106 | Fern |
        + 410000107 | Ginkgo |
        + 410000108 | Hazel |
        """,
    ),
    "emoji in names": (
        "🐺Amber🐺 410000101\n410000102 Birch 👑\n❄️ 410000103\nC🔥inder - 410000104\n",
        """
        + 410000101 | 🐺Amber🐺 |
        + 410000102 | Birch 👑 |
        + 410000103 | ❄️ |
        + 410000104 | C🔥inder |
        """,
    ),
    "thousands separators": (
        "Amber 410,000,101\nBirch 410.000.102\nCinder 410’000’103\nDahlia 410_000_104\n"
        "Elm 410-000-105\n41.000.106\n1,410,000,107 Fern\n",
        """
        + 410000101 | Amber |
        + 410000102 | Birch |
        + 410000103 | Cinder |
        + 410000104 | Dahlia |
        + 410000105 | Elm |
        + 41000106 | |
        + 1410000107 | Fern |
        """,
    ),
    "thin and other spaces": (
        "Amber 410\u2009000\u2009101\nBirch\u00a0410\u00a0000\u00a0102\n"
        "Cinder 410\u202f000\u202f103\nDahlia\u3000410000104\n\u200b410\u200b000105 Elm\n",
        """
        + 410000101 | Amber |
        + 410000102 | Birch |
        + 410000103 | Cinder |
        + 410000104 | Dahlia |
        + 410000105 | Elm |
        """,
    ),
    "parts of unusual lengths": (
        "Amber 41 00 00 101\nBirch 4100-0010-2\nCinder 123 456\n",
        """
        ? 410000101 | Amber |
        ? 410000102 | Birch |
        ? 123456 | Cinder |
        """,
    ),
    "letters for digits": (
        "Amber 41OOOO1O1\nBirch 41O OOO 102\nCinder 4l0000103\nOll0o 410000104\nОлег 41ООО0105\n",
        """
        ? 410000101 | Amber |
        ? 410000102 | Birch |
        ? 410000103 | Cinder |
        + 410000104 | Oll0o |
        ? 410000105 | Олег |
        """,
    ),
    "right-to-left names": (
        "أحمد 410000101\n410000102 – משה\n٤١٠٠٠٠١٠٣ ليلى\n۱. نگار: ۴۱۰۰۰۰۱۰۴\n"
        "\u202bסבתא 410000105\u202c\n",
        """
        + 410000101 | أحمد |
        + 410000102 | משה |
        + 410000103 | ليلى |
        + 410000104 | نگار |
        + 410000105 | סבתא |
        """,
    ),
    "names in other scripts": (
        "雪 410000101\n４１００００１０２ 月\nЛис — 410000103\n410000104 Śnieg\nน้ำ 410000105\n",
        """
        + 410000101 | 雪 |
        + 410000102 | 月 |
        + 410000103 | Лис |
        + 410000104 | Śnieg |
        + 410000105 | น้ำ |
        """,
    ),
    "states and kingdoms": (
        "Amber 410000101 state 1043\nBirch 410000102 K1043\nCinder 410000103 #1043\n"
        "kingdom 1044 Dahlia 410000104\nElm (410000105) S-1043\n410000106 Fern [State: #1043]\n"
        "410000107 Ginkgo, штат 1043\n",
        """
        + 410000101 | Amber | 1043
        + 410000102 | Birch | 1043
        + 410000103 | Cinder | 1043
        + 410000104 | Dahlia | 1044
        + 410000105 | Elm | 1043
        + 410000106 | Fern | 1043
        + 410000107 | Ginkgo | 1043
        """,
    ),
    "several on a line": (
        "410000101 Amber, 410000102 Birch, 410000103 Cinder\nDahlia 410000104; Elm 410000105\n"
        "410000106, 410000107 / 410000108\n410000109,Fern,410000110,Ginkgo\n"
        "Hazel 410000111 K1043 | Iris 410000112 K1044\n",
        """
        + 410000101 | Amber |
        + 410000102 | Birch |
        + 410000103 | Cinder |
        + 410000104 | Dahlia |
        + 410000105 | Elm |
        + 410000106 | |
        + 410000107 | |
        + 410000108 | |
        + 410000109 | Fern |
        + 410000110 | Ginkgo |
        + 410000111 | Hazel | 1043
        + 410000112 | Iris | 1044
        """,
    ),
    "several on a line with fewer names": (
        "Amber 410000101 and 410000102\n410000103 Birch 410000104\n",
        """
        ? 410000101 | Amber |
        ? 410000102 | |
        ? 410000103 | Birch |
        ? 410000104 | |
        """,
    ),
    "quoted replies": (
        "> Amber 410000101\n>> Birch 410000102\n│ 410000103 Cinder\n> who is next?\n",
        """
        + 410000101 | Amber |
        + 410000102 | Birch |
        + 410000103 | Cinder |
        - | |
        """,
    ),
    "WhatsApp, with times and phone numbers": (
        "[27.11.26, 14:05:33] Amber: 410000101\n[27.11.26, 14:06:01] +49 170 1234567: 410000102\n"
        "[27.11.26, 14:06:40] ~Cinder: my id is 410000103\n"
        "27/11/2026, 14:07 - Dahlia: 410000104 Dahlia the Great\n"
        "27/11/2026, 14:08 - Messages and calls are end-to-end encrypted.\n"
        "27/11/2026, 14:09 - Elm: call me +49 170 7654321\n"
        "27/11/2026, 14:10 - Fern: 0170 7654321\n",
        """
        + 410000101 | Amber |
        + 410000102 | |
        + 410000103 | Cinder |
        + 410000104 | Dahlia the Great |
        - | |
        - | |
        ? 7654321 | Fern |
        """,
    ),
    "Discord, with senders above and mentions": (
        "Amber — Today at 14:05\n410000101\nBirch — Yesterday at 09:12\nhi all, 410000102\n"
        "thanks!\n@everyone see https://discord.com/channels/123456789012345678/1234567890123\n"
        "<@123456789012345678> 410000103\nCinder — 27/11/2026 2:05 PM\n410000104 K1043\n",
        """
        - | |
        + 410000101 | Amber |
        - | |
        + 410000102 | Birch |
        - | |
        - | |
        + 410000103 | |
        - | |
        + 410000104 | Cinder | 1043
        """,
    ),
    "Telegram, with senders above": (
        "Amber, [27.11.2026 14:05]\n410000101\n\nBirch, [27.11.2026 14:06]\nID: 410000102\n"
        "[27.11.2026 14:07] Cinder: 410000103\n",
        """
        - | |
        + 410000101 | Amber |
        - | |
        + 410000102 | Birch |
        + 410000103 | Cinder |
        """,
    ),
    "a name above each ID": (
        "Amber\n410000101\nBirch\n410000102\n",
        """
        - | |
        + 410000101 | Amber |
        - | |
        + 410000102 | Birch |
        """,
    ),
    "a name above each number of an unusual length": (
        "Amber\n123\nBirch\n1234567890123\n",
        """
        - | |
        ? 123 | Amber |
        - | |
        ? 1234567890123 | Birch |
        """,
    ),
    "cells with an unusual length first": (
        "123,K1043\n123\n12345;Amber;1043\n1234567890123456,Birch\n",
        """
        ? 123 | K1043 |
        = 123 | |
        - | Amber |
        ? 1234567890123456 | Birch |
        """,
    ),
    "a title with a state above bare IDs": (
        "Wolves, K1043\n410000101\nBirch, https://example.com\n410000102\n410000103\n",
        """
        - | |
        + 410000101 | |
        - | |
        + 410000102 | |
        + 410000103 | |
        """,
    ),
    "forms": (
        "Name: Amber\nID: 410000101\nState: 1043\n\n"
        "Name: Birch\nState: 1044\nPlayer ID: 410000102\n",
        """
        - | |
        + 410000101 | Amber | 1043
        - | |
        - | |
        - | |
        + 410000102 | Birch | 1044
        """,
    ),
    "labels on a line": (
        "Name: Amber ID: 410000101\nUID=410000102 Birch\nIGN: Cinder, FID: 410000103\n"
        "Dahlia's id is 410000104\n",
        """
        + 410000101 | Amber |
        + 410000102 | Birch |
        + 410000103 | Cinder |
        + 410000104 | Dahlia's |
        """,
    ),
    "a table of a document": (
        "Our members:\n| # | Name | ID | State |\n|---|------|----|-------|\n"
        "| 1 | Amber | 410000101 | 1043 |\n| 2 | Birch | 410000102 | |\n",
        """
        - | |
        + 410000101 | Amber | 1043
        + 410000102 | Birch |
        """,
    ),
    "a spreadsheet with headings": (
        "Name\tID\tKingdom\tPower\nAmber\t410000101\t1043\t35M\nBirch\t410 000 102\t\t12M\n"
        "Cinder\t\t1043\t\n",
        """
        + 410000101 | Amber | 1043
        ? 410000102 | Birch |
        - | Cinder |
        """,
    ),
    "a spreadsheet without headings": (
        "1\tAmber\t410000101\t1043\tR4\t35.2M\n2\tBirch\t410000102\t1043\tR3\t12M\n"
        "103\tCinder\t410000103\t1043\tR3\t12M\n104\t410000104\tDahlia\n",
        """
        + 410000101 | Amber | 1043
        + 410000102 | Birch | 1043
        + 410000103 | Cinder | 1043
        + 410000104 | Dahlia |
        """,
    ),
    "a spreadsheet with numbers that may be states": (
        "Amber\t410000101\t1043\nBirch\t410000102\t2210\n",
        """
        ? 410000101 | Amber | 1043
        ? 410000102 | Birch | 2210
        """,
    ),
    "columns of spaces under headings": (
        "Name          Player       State\nAmber         410000101    1043\n"
        "Birch         410000102    1044\n",
        """
        - | |
        + 410000101 | Amber | 1043
        + 410000102 | Birch | 1044
        """,
    ),
    "a screenshot's text with ranks and power": (
        "R4 Members (3/10)\nAmber 410000101 Power: 12,345,678\nBirch | 410000102 | R3 | 8.1M\n"
        "Cinder Lv. 30 410000103\n12:45  89%\n",
        """
        - | |
        + 410000101 | Amber |
        + 410000102 | Birch |
        + 410000103 | Cinder |
        - | |
        """,
    ),
    "lengths that games do not use": (
        "123\n1234567890123456\n123,Tundra\nTundra 999\nAmber 12345678901234\n"
        "Birch 123456789012345678901234\n",
        """
        ? 123 | Tundra |
        ? 1234567890123456 | |
        = 123 | Tundra |
        - | Tundra |
        ? 12345678901234 | Amber |
        - | |
        """,
    ),
    "players who are listed twice": (
        "410000101\n410000101 Amber\nBirch 41OOOO1O2\n410000102\nCinder 410000103 K1043\n"
        "410000103 K1044\n",
        """
        + 410000101 | Amber |
        = 410000101 | Amber |
        = 410000102 | Birch |
        + 410000102 | Birch |
        ? 410000103 | Cinder | 1043
        = 410000103 | | 1044
        """,
    ),
    "text on both sides": (
        "Amber: 410000101 please add my friend too\nBirch (410000102) R4\n[WLF] Cinder 410000103\n"
        "“Dahlia” 410000104\n**Elm** `410000105`\n"
        "add please my very old second account 410000106\n",
        """
        ? 410000101 | Amber |
        + 410000102 | Birch |
        + 410000103 | [WLF] Cinder |
        + 410000104 | Dahlia |
        + 410000105 | Elm |
        ? 410000106 | add please my very old second account |
        """,
    ),
    "mentions": (
        "@Amber 410000101\n410000102 @Birch\n@Cinder: 410000103\n@ 410000104\n",
        """
        + 410000101 | Amber |
        + 410000102 | Birch |
        + 410000103 | Cinder |
        + 410000104 | |
        """,
    ),
    "mentions in a table": (
        "player_id,nickname\n410000101,@Amber\n410000102,'@Birch\n",
        """
        + 410000101 | Amber |
        + 410000102 | @Birch |
        """,
    ),
    "phone numbers and dates alone": (
        "+49 170 1234567\n+410000101\n2026-11-27\n27.11.26 Bear trap 19:00\n"
        "Birch 410000102 27.11.2026\n",
        """
        - | |
        ? 410000101 | |
        - | |
        - | |
        + 410000102 | Birch |
        """,
    ),
}
