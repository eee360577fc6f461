"""Lists of members, read in one call."""

from __future__ import annotations

from giftcodes.roster import MemberList, member_list, review_of, text_of


def read_members(data: bytes) -> MemberList:
    """The members in a file, without those that a person must confirm."""
    return members_in(text_of(data))


def members_in(text: str) -> MemberList:
    """The members in a text, without those that a person must confirm."""
    return member_list(review_of(text))
