"""The texts that Discord keeps with our buttons, and sends back when one is pressed.

Such a text has everything that the bot needs: the name of a function, and a few values. So buttons
work after a restart, and below messages that another process sent.
"""

from __future__ import annotations

#: The beginning of each of our texts. The bot ignores a button whose text begins differently.
PREFIX = "rd"
#: The maximum length of such a text, in Discord's units: those of UTF-16.
_MOST = 100

#: The buttons below the message of a run. `discord_bot.run_messages` has their functions.
RUN_NOW, STOP_RUN, WHO_IS_MISSING = "run now", "stop run", "who is missing"
#: The button below the list in a thread. `discord_bot.run_messages` has its function.
WHO_NEEDS_YOU = "who needs you"
#: The buttons below a direct message to a player. `discord_bot.my_players` has their functions.
SHOW_CODES, NO_MESSAGES = "codes", "no messages"


def press_id(name: str, values: tuple[object, ...]) -> str:
    """Return the text for a button.

    Args:
        name: the name of a function of the bot.
        values: what the function gets. Only the last one may have a colon.
    """
    text = ":".join((PREFIX, name, *map(str, values)))
    assert len(text.encode("utf-16-le")) <= 2 * _MOST, text
    return text
