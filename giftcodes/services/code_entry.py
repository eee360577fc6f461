"""Find the code that a person typed, or add it."""

from __future__ import annotations

from dataclasses import dataclass

from giftcodes.domain.text import clean_token
from giftcodes.models import GiftCode, Guild, Source, Trigger
from giftcodes.pipeline.spellings import offer_spelling


@dataclass(frozen=True, slots=True)
class TypedCode:
    """The code that a person typed, and a message about what was done.

    The message is empty if the code was known in that spelling.
    """

    code: GiftCode
    message: str = ""


def find_code(provider: str, typed: str) -> GiftCode | None:
    """The newest issue of a code, typed in any spelling. None if the code is unknown."""
    folded = clean_token(typed).casefold()
    return GiftCode.objects.latest_issues(provider, [folded]).get(folded)


def find_or_add_code(provider: str, typed: str) -> TypedCode:
    """Find a code. An unknown code is added, and another spelling of a known code is tried.

    Raises:
        ValidationError: the text cannot be a code.
    """
    typed = clean_token(typed)
    known = find_code(provider, typed)
    if known is None:
        return _add(provider, typed)
    return TypedCode(known) if known.code == typed else _respell(known, typed)


def new_code(provider: str, typed: str) -> GiftCode:
    """A code as it would be added. It is not saved.

    Raises:
        ValidationError: the text cannot be a code.
    """
    typed = clean_token(typed)
    code = GiftCode(provider=provider, code=typed, folded=typed.casefold(), source=Source.COMMAND)
    code.full_clean(exclude=["folded"], validate_unique=False, validate_constraints=False)
    return code


def _add(provider: str, typed: str) -> TypedCode:
    code = new_code(provider, typed)
    row, is_new = GiftCode.objects.get_or_create(
        provider=provider,
        folded=code.folded,
        issue=1,
        defaults={"code": code.code, "source": code.source},
    )
    if not is_new:
        return TypedCode(row)
    return TypedCode(
        row, f"Added code {row}. Guilds with automatic redeeming get it within a minute, too."
    )


def _respell(known: GiftCode, typed: str) -> TypedCode:
    result = offer_spelling(known.pk, typed, trigger=Trigger.COMMAND)
    if not result.taken:
        return TypedCode(known, f"This code is known as {known.code}; that spelling is used.")
    # The code is not fanned out here, because that would also start the run that the caller starts.
    # Catch-up starts the runs of the other guilds within a minute.
    known.refresh_from_db()
    return TypedCode(known, result.message)


def code_of_guild(guild: Guild, gift_code_id: int | None) -> GiftCode | None:
    """A code of the game that a guild plays, by its id. None if there is no such code."""
    return GiftCode.objects.filter(pk=gift_code_id or 0, provider=guild.provider).first()
