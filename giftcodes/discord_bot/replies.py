"""Between discord.py and the functions of the bot: who asks, and how an `Answer` is sent."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import discord
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from giftcodes.discord_bot import presses
from giftcodes.discord_bot.answers import (
    MOST_LABEL,
    MOST_PLAIN,
    MOST_TEXT,
    Answer,
    Button,
    Form,
    Menu,
    Refused,
    shortened,
)
from giftcodes.discord_bot.database import in_database
from giftcodes.discord_bot.turns import TooManyAtOnceError, Turns
from giftcodes.domain import log_lines
from giftcodes.domain.text import clean_name, one_line
from giftcodes.models.failure_isolation import unexpected_error
from giftcodes.services.discord_links import Asker, DiscordRefused
from giftcodes.services.import_words import MOST_BYTES

#: Any interaction with this bot.
Interaction = discord.Interaction[Any]
_MOST_NAME = 80
_NO_VIEW: Any = discord.utils.MISSING


def asker_of(interaction: Interaction) -> Asker:
    """Who asks, and what Discord says about this person at this moment."""
    user = interaction.user
    roles = user.roles if isinstance(user, discord.Member) else []
    return Asker(
        user_id=user.id,
        name=clean_name(one_line(f"{user.display_name} (@{user.name})", _MOST_NAME)),
        server_id=interaction.guild_id,
        role_ids=frozenset(role.id for role in roles),
        manages_server=interaction.guild_id is not None and interaction.permissions.manage_guild,
    )


async def reply(interaction: Interaction, work: Callable[..., Answer], *arguments: Any) -> None:
    """Answer a command, so that only the asker sees it.

    Discord waits three seconds for an answer, so it is told at once that one will come.

    Args:
        interaction: the use of the command.
        work: makes the answer. It gets the asker and the arguments, and may use the database.
        arguments: what the person entered.
    """
    await _reply(interaction, lambda: _answer(interaction, work, arguments))


async def reply_to_file(
    interaction: Interaction, file: discord.Attachment, work: Callable[..., Answer], *arguments: Any
) -> None:
    """Answer a command to which a person attached a file: see `reply`.

    The function gets the content of the file as the last argument.
    """

    async def answer() -> Answer:
        return await _answer(interaction, work, (*arguments, await _content(file)))

    await _reply(interaction, answer)


async def open_form(interaction: Interaction, action: str, *values: object) -> None:
    """Answer a command with a form.

    Args:
        interaction: the use of the command.
        action: the name of a function with the decorator `press` that has a form.
        values: what the function gets besides what is entered, all as texts.
    """
    form = presses.PRESSES[action].form
    assert form is not None
    await _open(interaction, form(*map(str, values)), presses.custom_id(action, values))


async def pressed(interaction: Interaction) -> None:
    """Answer a button, a menu or a form of ours. Others are left alone."""
    data: Any = interaction.data or {}
    found = presses.read(str(data.get("custom_id", "")))
    if found is None:
        return
    press, values = found
    is_form = interaction.type is discord.InteractionType.modal_submit
    if not is_form:
        values += tuple(map(str, data.get("values", [])))
    if len(values) != press.values:
        return  # The message is from another release, in which the function had other values.
    if press.form is not None and not is_form:
        await _open(interaction, press.form(*values), str(data["custom_id"]))
        return
    entered = _fields(data.get("components", [])) if is_form else []
    in_place = press.in_place and _is_private(interaction)

    async def answer() -> Answer:
        files: list[bytes | None] = []
        if press.reads_file:
            attached = interaction.message.attachments if interaction.message else []
            files = [await _content(attached[0]) if attached else None]
        return await _answer(interaction, press.work, (*values, *entered, *files))

    await _reply(interaction, answer, in_place=in_place)


def _is_private(interaction: Interaction) -> bool:
    """Whether the message that has the button is shown to this person only.

    A program may send the press of a button that the message does not have. The answer to it must
    not replace a message that others read.
    """
    message = interaction.message
    return message is not None and (message.flags.ephemeral or interaction.guild_id is None)


async def choices(
    interaction: Interaction, work: Callable[[Asker, str], list[tuple[str, str]]], text: str
) -> list[discord.app_commands.Choice[str]]:
    """What Discord offers while a person types. If the database is down, it offers nothing."""
    turns: Turns = interaction.client.turns
    try:
        async with turns.of(interaction.user.id, interaction.guild_id):
            found = await in_database(work, asker_of(interaction), text)
    except (OperationalError, InterfaceError, TooManyAtOnceError):
        return []
    return [discord.app_commands.Choice(name=words, value=value) for words, value in found]


async def _reply(
    interaction: Interaction, answer: Callable[[], Awaitable[Answer]], *, in_place: bool = False
) -> None:
    """Tell Discord that an answer will come, make it, and send it.

    Args:
        interaction: what is answered.
        answer: makes the answer. It is not called if Discord no longer waits for an answer.
        in_place: whether the answer replaces the message that has the button.
    """
    with interaction.client.answering():
        how = {} if in_place else {"ephemeral": True, "thinking": True}
        if await _sent(interaction.response.defer(**how), "wait for an answer"):
            await _send(interaction, await _in_turn(interaction, answer), in_place=in_place)


async def _in_turn(interaction: Interaction, answer: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer, when it is the turn of this person and server."""
    turns: Turns = interaction.client.turns
    try:
        async with turns.of(interaction.user.id, interaction.guild_id):
            return await answer()
    except TooManyAtOnceError:
        return Answer(_("You do a lot at once. Wait for the answers, then try again."))


async def _sent(request: Awaitable[object], what: str) -> bool:
    """Send something to Discord. Returns whether it was taken; the log says what was not.

    Discord may refuse it, or the connection may break, or be closed at the end of the process.
    """
    try:
        await request
    except discord.HTTPException as error:
        log_lines.warning(f"🤖 Discord did not {what}.", error=error.code)
    except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError) as error:
        words = one_line(str(error), 100)
        log_lines.warning(f"🤖 Discord did not {what}.", error=f"{type(error).__name__}: {words}")
    else:
        return True
    return False


async def _content(file: discord.Attachment) -> bytes | None:
    """The content of a file. None if it is too large, or if Discord does not have it any more."""
    if file.size > MOST_BYTES:
        return None
    found: list[bytes] = []

    async def read() -> None:
        found.append(await file.read())

    await _sent(read(), "give a file")
    return found[0] if found else None


async def _answer(
    interaction: Interaction, work: Callable[..., Answer], arguments: tuple[Any, ...]
) -> Answer:
    """The answer, or a sentence about why there is none."""
    try:
        return await in_database(work, asker_of(interaction), *arguments)
    except (Refused, DiscordRefused) as refusal:
        return Answer(str(refusal))
    except (OperationalError, InterfaceError) as error:
        log_lines.warning(
            "🤖 The database did not answer the Discord bot.", error=one_line(str(error), 200)
        )
    except Exception as error:  # noqa: BLE001 - the bot must answer, whatever fails
        log_lines.log.error(
            "🤖 The Discord bot could not answer.", work=work.__name__, exc_info=error
        )
        unexpected_error.send("discord-bot", error=error)
    return Answer(_("Something failed here. Try again in a minute: nothing is done twice."))


async def _send(interaction: Interaction, answer: Answer, *, in_place: bool) -> None:
    embed = None
    if answer.title or len(answer.text) > MOST_PLAIN:
        embed = discord.Embed(
            title=shortened(answer.title, 200) or None, description=answer.text[:MOST_TEXT]
        )
    content = None if embed else answer.text
    file = answer.file and discord.File(io.BytesIO(answer.file.content), answer.file.name)
    view = _view(answer)
    request: Awaitable[object]
    if in_place:
        request = interaction.edit_original_response(
            content=content, embed=embed, view=view, attachments=[file] if file else []
        )
    else:
        request = interaction.followup.send(
            content=content or _NO_VIEW,
            embed=embed or _NO_VIEW,
            view=view or _NO_VIEW,
            file=file or _NO_VIEW,
            ephemeral=True,
        )
    await _sent(request, "take an answer")


def _view(answer: Answer) -> discord.ui.View | None:
    """The buttons and menus of an answer.

    A stopped view is not kept in memory: `pressed` finds everything in the message.
    """
    if not answer.parts:
        return None
    view = discord.ui.View(timeout=None)
    for part in answer.parts:
        view.add_item(_button(part) if isinstance(part, Button) else _menu(part))
    view.stop()
    return view


def _button(part: Button) -> discord.ui.Button[discord.ui.View]:
    return discord.ui.Button(
        label=shortened(part.label, MOST_LABEL),
        style=discord.ButtonStyle[part.style.value],
        custom_id=presses.custom_id(part.action, part.values),
    )


def _menu(part: Menu) -> discord.ui.Select[discord.ui.View]:
    return discord.ui.Select(
        placeholder=part.hint,
        custom_id=presses.custom_id(part.action, part.values),
        options=[discord.SelectOption(label=words, value=value) for words, value in part.choices],
    )


async def _open(interaction: Interaction, form: Form, custom_id: str) -> None:
    modal = discord.ui.Modal(title=form.title, custom_id=custom_id)
    for number, field in enumerate(form.fields):
        entry: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
            custom_id=f"field{number}",
            style=discord.TextStyle.long if field.is_long else discord.TextStyle.short,
            default=field.value or None,
            required=field.is_required,
            max_length=field.most,
        )
        modal.add_item(discord.ui.Label(text=field.label, component=entry))
    modal.stop()  # As for `_view`.
    await _sent(interaction.response.send_modal(modal), "open a form")


def _fields(components: list[Any]) -> list[str]:
    """The texts in a sent form, in their order, whatever they are wrapped in."""
    found: list[str] = []
    for one in components:
        if "value" in one:
            found.append(str(one["value"] or ""))
        inner = one.get("components") or ([one["component"]] if one.get("component") else [])
        found += _fields(inner)
    return found
