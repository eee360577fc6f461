"""Find what is in a line of a chat besides a player: times, phone numbers, links, and the realm.

Each character of what was found is replaced by `MASK`, so that the places of the other characters
stay the same.
"""

from __future__ import annotations

import re

#: Stands for a character that belongs to no name and no player ID.
MASK = "\0"

#: Mentions, channels, emoji and times as Discord copies them, links, and mail addresses.
_LINK = re.compile(
    r"<(?:@[!&]?|#|a?:\w{1,40}:|t:)[0-9]{1,20}(?::\w)?>|https?://\S+|www\.\S+"
    r"|[\w.+-]{1,64}@[\w-]{1,64}\.\w+",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?<![0-9.,/-])(?:([0-9]{1,2})[./-]([0-9]{1,2})[./-](?:20)?[0-9]{2}"
    r"|20[0-9]{2}[./-]([0-9]{1,2})[./-]([0-9]{1,2}))(?![0-9])(?![.,/-][0-9])"
)
_TIME = re.compile(
    r"(?<![0-9:])[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:\s?[ap]\.?m\b\.?)?(?![0-9:])", re.IGNORECASE
)
_DAY = re.compile(
    r"(?<!\w)(?:today|yesterday|heute|gestern|hoy|ayer|hier|aujourd['’]hui|oggi|ieri|hoje|ontem"
    r"|сегодня|вчера)(?: at| um| à| a las| alle| às| в)?,?(?=\s*\0)",
    re.IGNORECASE,
)
#: A plus sign and at least ten digits. Player IDs are written without a sign.
_PHONE = re.compile(r"(?<![\w+])\+(?:[ ().\u00a0/-]{0,2}[0-9]){10,15}(?![0-9])")
_SPACE = "[ \u00a0\u202f]"
_AMOUNT = rf"(?:[0-9]{{1,3}}(?:{_SPACE}[0-9]{{3}})+(?![0-9])|[0-9]+(?:[.,'’][0-9]+)*)"
_AMOUNT_AFTER_WORD = re.compile(
    r"(?<![^\W_])(?:power|might|cp|kills?|score|points?|pts|troops|level|lvl?\.?|furnace|战力|мощь|сила)"
    rf"[\s:=-]{{0,3}}{_AMOUNT}(?:\s?[kmb])?(?![^\W_])",
    re.IGNORECASE,
)
#: Group 1 of the pattern is an amount. If it is empty, the match only skips a number up to its last
#: separator, because no amount begins there. Otherwise the search would begin again after each
#: separator, and the time would grow with the square of the number's length.
_AMOUNT_BEFORE_WORD = re.compile(
    rf"(?<!\w)(?:({_AMOUNT}(?:[kmb]|\s{{0,2}}(?:%|(?:power|might|kills?|points?|pts|troops|gems)))"
    rf"(?![^\W_]))|[0-9]{{1,3}}(?={_SPACE}[0-9]{{3}})(?:{_SPACE}[0-9]{{3}}(?={_SPACE}[0-9]{{3}}))*+"
    r"|[0-9]++(?:[.,'’][0-9]++(?=[.,'’][0-9]))*+)",
    re.IGNORECASE,
)
_LONG_WORDS = (
    "state|kingdom|realm|server|world|kid|estado|reino|royaume|[ée]tat|regno|staat|k[öo]nigreich"
    "|reich|штат|королевство|сервер|krallık|eyalet"
)
_REALM = re.compile(
    rf"(?<![^\W_])(?:(?:{_LONG_WORDS})\s{{0,3}}(?:no\.?|nr\.?|number)?\s{{0,3}}[:#.=-]?\s{{0,3}}#?"
    r"([0-9]{1,5})|(?:k|s|st)\.?\s?[:#-]?\s?#?([0-9]{3,5}))(?![0-9])(?!\w)",
    re.IGNORECASE,
)
_HAN_REALM = re.compile(
    r"(?<![0-9])([0-9]{1,5})\s?(?:区|服|王国|州)|(?:王国|州)\s?[:：#]?\s?([0-9]{1,5})(?![0-9])"
)
_HASH_REALM = re.compile(r"(?<![\w#])#\s?([0-9]{1,5})(?![0-9])(?!\w)")
_REALM_WORD = re.compile(rf"(?<![^\W_])(?:{_LONG_WORDS})(?![^\W_])", re.IGNORECASE)


def masked(text: str, pattern: re.Pattern[str]) -> str:
    """The text in which `MASK` stands for what the pattern matches."""
    return pattern.sub(lambda found: MASK * len(found[0]), text)


def without_links(text: str) -> str:
    """Mask links, mentions and mail addresses."""
    return masked(text, _LINK)


def without_times(text: str) -> str:
    """Mask dates, times, and words such as “Today at” before them."""
    text = _DATE.sub(_masked_date, text)
    text = masked(text, _TIME)
    return masked(text, _DAY) if MASK in text else text


def _masked_date(found: re.Match[str]) -> str:
    first, second = (int(part) for part in found.groups() if part)
    is_date = (1 <= first <= 31 and 1 <= second <= 12) or (1 <= first <= 12 and 1 <= second <= 31)
    return MASK * len(found[0]) if is_date else found[0]


def without_phones(text: str) -> str:
    """Mask phone numbers with a plus sign."""
    return masked(text, _PHONE) if "+" in text else text


def without_amounts(text: str) -> str:
    """Mask amounts such as “Power: 12,345,678” and “35M”."""
    return _AMOUNT_BEFORE_WORD.sub(
        lambda found: MASK * len(found[0]) if found[1] else found[0],
        masked(text, _AMOUNT_AFTER_WORD),
    )


def realms(text: str) -> tuple[str, list[tuple[int, str]]]:
    """Find states and kingdoms, such as “state 1043”, “K1043” and “#1043”.

    Returns:
        The text with masks, and the place and the digits of each state or kingdom.
    """
    found: list[tuple[int, str]] = []

    def mask(match: re.Match[str]) -> str:
        found.append((match.start(), next(part for part in match.groups() if part)))
        return MASK * len(match[0])

    for pattern in (_REALM, _HAN_REALM, _HASH_REALM):
        text = pattern.sub(mask, text)
    return text, sorted(found)


def realm_in(text: str) -> str:
    """The digits of a text that is only a realm, such as “K1043”. Empty if it is not."""
    rest, found = realms(text)
    return found[0][1] if len(found) == 1 and not rest.replace(MASK, "").strip(" :#.-") else ""


def names_a_realm(text: str) -> bool:
    """Whether a word for a realm is in the text."""
    return bool(_REALM_WORD.search(text))
