"""The Discord bot: a process beside the site that calls the same services (decision 27).

Only `client.py`, `commands.py`, `replies.py` and `translating.py` import discord.py. Of the other
modules, only `process.py` imports one of them: `client.py`, when there is a token. All other
modules are plain functions: they get an `Asker` and what the person entered, call a service, and
return an `Answer`. They run in a thread that may use the database, and in which gettext speaks the
asker's language.

To add a command:

1. Write a function `(asker, …) -> Answer` in a module here.
2. Add the command with its options to `commands.py`, and to `COMMANDS` there. Its body is one call
   of `reply`.

To add a button, a menu or a form: write a function with the decorator `press` (`presses.py`; for a
form, with the decorator's argument `form`), and put a `Button` or `Menu` with the name that you
give to the decorator into an `Answer`. All that the function needs is in the values of the button,
so the button works after a restart. In the function, check again who presses: with
`officers.officer_of`, if only officers may do it.
"""
