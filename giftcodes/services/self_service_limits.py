"""How often players may do something by themselves. The numbers are counted in the database."""

from __future__ import annotations

from giftcodes.models import Throttle

_HOUR = 3_600
#: How often one address, which a family or an office may share, may ask to join in an hour. In
#: Discord, the user stands for the address.
JOINS_OF_ADDRESS = 30
#: How often the form of one join link may be sent in an hour, or `/join` for one guild.
JOINS_OF_LINK = 300
#: How often the buttons of one personal link may be pressed in an hour.
WISHES_OF_LINK = 30
#: How often a player may correct the realm in an hour. Each correction sends requests to the game.
CORRECTIONS_OF_LINK = 5
#: How many codes that link something in Discord one Discord user may enter in an hour.
CODES_OF_DISCORD_USER = 10


def seconds_until_join(address: str, link_id: int) -> int:
    """Count a sent form of a join link. Returns 0 if it is accepted, else the seconds to wait."""
    of_address = Throttle.objects.take("join", address, most=JOINS_OF_ADDRESS, seconds=_HOUR)
    return of_address or Throttle.objects.take(
        "join link", str(link_id), most=JOINS_OF_LINK, seconds=_HOUR
    )


def seconds_until_join_in_discord(discord_user: int, guild_id: int) -> int:
    """Count a request to join in Discord: see `seconds_until_join`."""
    user = discord_address(discord_user)
    of_user = Throttle.objects.take("join", user, most=JOINS_OF_ADDRESS, seconds=_HOUR)
    return of_user or Throttle.objects.take(
        "join in Discord", str(guild_id), most=JOINS_OF_LINK, seconds=_HOUR
    )


def seconds_until_wish(link_id: int) -> int:
    """Count the press of a button of a player: see `seconds_until_join`."""
    return Throttle.objects.take("wish", str(link_id), most=WISHES_OF_LINK, seconds=_HOUR)


def seconds_until_correction(link_id: int) -> int:
    """Count a correction of the realm by a player: see `seconds_until_join`."""
    return Throttle.objects.take("realm", str(link_id), most=CORRECTIONS_OF_LINK, seconds=_HOUR)


def seconds_until_code(discord_user: int) -> int:
    """Count an entered code that links, right or wrong: see `seconds_until_join`."""
    user = discord_address(discord_user)
    return Throttle.objects.take("Discord code", user, most=CODES_OF_DISCORD_USER, seconds=_HOUR)


def discord_address(discord_user: int) -> str:
    """What stands for the network address of a Discord user, where limits count addresses."""
    return f"Discord user {discord_user}"
