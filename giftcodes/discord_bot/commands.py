"""The slash commands, with their options as Discord shows them. `COMMANDS` has them all.

`_` only marks a text for the catalogues: `translating.Catalogues` translates it. The names of
commands and options are marked in `translating.NAMES`.
"""

from __future__ import annotations

from typing import Any

from discord import (
    Attachment,
    Message,
    Permissions,
    Role,
    StageChannel,
    Thread,
    VoiceChannel,
    app_commands,
)
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from giftcodes.discord_bot import (
    announcing,
    importing,
    joining,
    linking,
    members,
    missing,
    my_players,
    new_codes,
    redeeming,
    run_messages,  # noqa: F401 - registers the buttons below the messages of runs
    status,
)
from giftcodes.discord_bot.choosing import guild_choices, player_choices
from giftcodes.discord_bot.officers import code_choices, officer_guild_choices
from giftcodes.discord_bot.replies import Interaction, choices, open_form, reply, reply_to_file
from giftcodes.discord_bot.translating import message_id
from giftcodes.models.channel import Tells
from giftcodes.services.discord_channels import Place

_Choices = list[app_commands.Choice[str]]
_Code = app_commands.Range[str, 1, 60]
_Text = app_commands.Range[str, 1, 60]


async def _guilds(interaction: Interaction, text: str) -> _Choices:
    return await choices(interaction, guild_choices, text)


async def _players(interaction: Interaction, text: str) -> _Choices:
    return await choices(interaction, player_choices, text)


# --- Members --------------------------------------------------------------------------------------
@app_commands.command(name="join", description=_("Get each gift code redeemed for your player."))
@app_commands.guild_only()
@app_commands.describe(
    player_id=_("Your player ID. In the game, tap your picture at the top left."),
    state=_("The number of your state or kingdom, if it is not that of the guild."),
    name=_("Your name in the game, if it is not your name here."),
    guild=_("Which guild, if this server has several."),
)
@app_commands.autocomplete(guild=_guilds)
async def join(
    interaction: Interaction,
    player_id: _Text,
    state: _Text = "",
    name: _Text = "",
    guild: _Text = "",
) -> None:
    """Ask to join a guild."""
    nickname = name or interaction.user.display_name
    await reply(interaction, joining.ask, player_id, state, nickname, guild)


@app_commands.command(
    name="codes", description=_("Which codes you have, which you do not have, and why.")
)
@app_commands.describe(player=_("Which of your players, if you have several."))
@app_commands.autocomplete(player=_players)
async def codes(interaction: Interaction, player: _Text = "") -> None:
    """Show a player's codes."""
    await reply(interaction, my_players.codes, player)


@app_commands.command(name="leave", description=_("Stop redeeming codes for you."))
@app_commands.describe(player=_("Which of your players, if you have several."))
@app_commands.autocomplete(player=_players)
async def leave(interaction: Interaction, player: _Text = "") -> None:
    """Leave a guild."""
    await reply(interaction, my_players.leave, player)


@app_commands.command(name="mydata", description=_("Get a file with what is stored about you."))
@app_commands.describe(player=_("Which of your players, if you have several."))
@app_commands.autocomplete(player=_players)
async def mydata(interaction: Interaction, player: _Text = "") -> None:
    """Give a player's data."""
    await reply(interaction, my_players.my_data, player)


# --- Links ----------------------------------------------------------------------------------------
@app_commands.command(
    name="link", description=_("Link this server to a guild, with a code from the guild's page.")
)
@app_commands.guild_only()
@app_commands.default_permissions(Permissions(manage_guild=True))
@app_commands.describe(
    code=_("The code from the guild's page, under “Officers”. It works once, for an hour."),
    role=_("The role whose members are officers of the guild in this server."),
)
async def link(interaction: Interaction, code: _Code, role: Role | None = None) -> None:
    """Link a server."""
    server_name = interaction.guild.name if interaction.guild else ""
    await reply(interaction, linking.link, code, server_name, _role(role))


@app_commands.command(
    name="officers", description=_("Choose the role whose members are officers of the guild here.")
)
@app_commands.guild_only()
@app_commands.default_permissions(Permissions(manage_guild=True))
@app_commands.describe(
    role=_("The new role. Leave it empty to see which one it is now."),
    no_role=_("Choose True if no role should make anyone an officer."),
    guild=_("Which guild, if this server has several."),
)
@app_commands.rename(no_role="nobody")
@app_commands.autocomplete(guild=_guilds)
async def officers(
    interaction: Interaction, role: Role | None = None, no_role: bool = False, guild: _Text = ""
) -> None:
    """Choose the role of the officers."""
    await reply(interaction, linking.choose_role, _role(role), no_role, guild)


@app_commands.command(
    name="iam", description=_("Link yourself to your account, with a code from your guild's page.")
)
@app_commands.describe(code=_("The code. It works once, for an hour."))
async def iam(interaction: Interaction, code: _Code) -> None:
    """Link a person to an account."""
    await reply(interaction, linking.i_am, code)


# --- Officers -------------------------------------------------------------------------------------
_MOST_IN_FORM = 40
_WHICH_GUILD = _("Which guild, if you are an officer of several here.")


async def _officer_guilds(interaction: Interaction, text: str) -> _Choices:
    return await choices(interaction, officer_guild_choices, text)


async def _known_codes(interaction: Interaction, text: str) -> _Choices:
    return await choices(interaction, code_choices, text)


async def _ends(interaction: Interaction, text: str) -> _Choices:
    return await choices(interaction, new_codes.end_choices, text)


@app_commands.command(
    name="redeem", description=_("For officers: see what redeeming a code will do, and redeem it.")
)
@app_commands.guild_only()
@app_commands.describe(code=_("The gift code, known or new."), guild=_WHICH_GUILD)
@app_commands.autocomplete(code=_known_codes, guild=_officer_guilds)
async def redeem(interaction: Interaction, code: _Code, guild: _Text = "") -> None:
    """Show what redeeming a code will do."""
    await reply(interaction, new_codes.redeem, code, guild)


@app_commands.command(name="stop", description=_("For officers: see what runs, and stop it."))
@app_commands.guild_only()
@app_commands.describe(guild=_WHICH_GUILD)
@app_commands.autocomplete(guild=_officer_guilds)
async def stop(interaction: Interaction, guild: _Text = "") -> None:
    """Show what runs."""
    await reply(interaction, redeeming.stop, guild)


@app_commands.command(
    name="status", description=_("For officers: what runs, the newest codes, and who needs you.")
)
@app_commands.guild_only()
@app_commands.describe(guild=_WHICH_GUILD)
@app_commands.autocomplete(guild=_officer_guilds)
async def status_command(interaction: Interaction, guild: _Text = "") -> None:
    """Show how a guild is doing."""
    await reply(interaction, status.status, guild)


@app_commands.command(
    name="missing", description=_("For officers: who needs a correction, with buttons to make it.")
)
@app_commands.guild_only()
@app_commands.describe(guild=_WHICH_GUILD)
@app_commands.autocomplete(guild=_officer_guilds)
async def missing_command(interaction: Interaction, guild: _Text = "") -> None:
    """Show who needs what."""
    await reply(interaction, missing.missing, guild)


@app_commands.command(
    name="members", description=_("For officers: the members of the guild, page by page.")
)
@app_commands.guild_only()
@app_commands.describe(search=_("A part of the name or of the player ID."), guild=_WHICH_GUILD)
@app_commands.autocomplete(guild=_officer_guilds)
async def members_command(interaction: Interaction, search: _Text = "", guild: _Text = "") -> None:
    """Show the members."""
    await reply(interaction, members.members, search, guild)


@app_commands.command(
    name="import", description=_("For officers: import a list of players, pasted or as a file.")
)
@app_commands.guild_only()
@app_commands.describe(
    file=_("Excel, CSV or text. Without a file, a form opens for a pasted list."),
    guild=_WHICH_GUILD,
)
@app_commands.autocomplete(guild=_officer_guilds)
async def import_command(
    interaction: Interaction, file: Attachment | None = None, guild: _Text = ""
) -> None:
    """Review a list of players."""
    if file is None:
        # The guild is part of the form's custom ID, which must be short.
        await open_form(interaction, "paste", guild[:_MOST_IN_FORM])
    else:
        await reply_to_file(interaction, file, importing.review_file, guild)


code = app_commands.Group(name="code", description=_("For officers: gift codes."), guild_only=True)


@code.command(name="add", description=_("Add a gift code. The answer says what happens to it."))
@app_commands.describe(
    code=_("The code as it was published, with the right capitals."),
    expires=_("When it ends, such as 2026-12-31 23:59. Leave it empty if you do not know."),
    rewards=_("What players get."),
    guild=_WHICH_GUILD,
)
@app_commands.autocomplete(code=_known_codes, expires=_ends, guild=_officer_guilds)
async def code_add(
    interaction: Interaction,
    code: _Code,
    expires: _Text = "",
    rewards: app_commands.Range[str, 1, 500] = "",
    guild: _Text = "",
) -> None:
    """Add a code."""
    await reply(interaction, new_codes.add, code, expires, rewards, guild)


@app_commands.context_menu(name=_("Redeem this code"))
@app_commands.guild_only()
async def redeem_this_code(interaction: Interaction, message: Message) -> None:
    """Offer the codes in a message."""
    parts = [message.content]
    for embed in message.embeds:
        parts += [embed.title or "", embed.description or ""]
        parts += [f"{field.name}\n{field.value}" for field in embed.fields]
    await reply(interaction, new_codes.read_codes, "\n".join(parts))


# --- Messages -------------------------------------------------------------------------------------
announce = app_commands.Group(
    name="announce",
    description=_("Choose the channels in which the bot announces the guild's runs."),
    guild_only=True,
)


@announce.command(name="here", description=_("Announce the guild's runs in this channel."))
@app_commands.describe(
    what=_("What this channel is told."),
    role=_("The role that each new message mentions."),
    weekly=_("Whether a summary of the week comes every Sunday."),
    threads=_("Whether the bot opens a thread after a run, and lists those who need a person."),
    guild=_("Which guild, if this server has several."),
)
@app_commands.choices(
    what=[app_commands.Choice(name=message_id(one.label), value=one.value) for one in Tells]
)
@app_commands.autocomplete(guild=_guilds)
async def announce_here(
    interaction: Interaction,
    what: str = "",
    role: Role | None = None,
    weekly: bool | None = None,
    threads: bool | None = None,
    guild: _Text = "",
) -> None:
    """Announce a guild's runs in this channel."""
    role_id, place = role.id if role else None, _place(interaction)
    await reply(interaction, announcing.here, place, what, role_id, weekly, threads, guild)


@announce.command(name="off", description=_("Announce nothing in this channel any more."))
@app_commands.describe(guild=_("Which guild, if this server has several."))
@app_commands.autocomplete(guild=_guilds)
async def announce_off(interaction: Interaction, guild: _Text = "") -> None:
    """Announce nothing of a guild in this channel any more."""
    await reply(interaction, announcing.no_more, _place(interaction), guild)


def _place(interaction: Interaction) -> Place:
    """Where the person is, and what the bot lacks to post there, or to open threads."""
    may = interaction.app_permissions
    is_thread = isinstance(interaction.channel, Thread)
    in_threads = {gettext("Send Messages in Threads"): may.send_messages_in_threads}
    needed = {
        gettext("View Channel"): may.view_channel,
        **(in_threads if is_thread else {gettext("Send Messages"): may.send_messages}),
        gettext("Embed Links"): may.embed_links,
    }
    name = getattr(interaction.channel, "name", None) or ""
    return Place(
        interaction.channel_id or 0,
        name,
        lacks=_lacking(needed),
        lacks_for_threads=_lacking(
            {gettext("Create Public Threads"): may.create_public_threads, **in_threads}
        ),
        can_have_threads=not isinstance(interaction.channel, Thread | VoiceChannel | StageChannel),
    )


def _lacking(needed: dict[str, bool]) -> tuple[str, ...]:
    return tuple(name for name, is_given in needed.items() if not is_given)


def _role(role: Role | None) -> tuple[int, str] | None:
    return (role.id, role.name) if role else None


COMMANDS: tuple[
    app_commands.Command[Any, ..., None] | app_commands.Group | app_commands.ContextMenu, ...
] = (
    join,
    codes,
    leave,
    mydata,
    link,
    officers,
    iam,
    redeem,
    stop,
    status_command,
    missing_command,
    members_command,
    import_command,
    code,
    redeem_this_code,
    announce,
)
