"""What the simulated Discord sends, as JSON."""

from __future__ import annotations

import datetime as dt
from typing import Any

from chaos.discord.people import (
    USUAL_PERMISSIONS,
    Json,
    Person,
    Server,
    Use,
)

BOT_ID, APPLICATION_ID = 900_000_000_000_000_001, 900_000_000_000_000_002
BOT_NAME = "Redeemer"
_JOINED = "2026-01-01T00:00:00+00:00"


def user(number: int, name: str, *, is_bot: bool = False) -> Json:
    return {
        "id": str(number),
        "username": name.lower().replace(" ", "_"),
        "global_name": name,
        "discriminator": "0",
        "avatar": None,
        "bot": is_bot,
    }


def bot_user() -> Json:
    return user(BOT_ID, BOT_NAME, is_bot=True)


def application() -> Json:
    return {
        "id": str(APPLICATION_ID),
        "name": BOT_NAME,
        "description": "",
        "icon": None,
        "bot_public": True,
        "bot_require_code_grant": False,
        "owner": user(900_000_000_000_000_003, "owner"),
        "verify_key": "0" * 64,
        "flags": 0,
    }


def server(one: Server) -> Json:
    """A server, as the event GUILD_CREATE describes it."""
    return {
        "id": str(one.id),
        "name": one.name,
        "owner_id": "900000000000000003",
        "member_count": 2,
        "roles": [_role(one.id, "@everyone", 0), _role(one.role_id, "chiefs", 1)],
        "channels": [channel(one)],
        "members": [_member(bot_user(), [])],
        "emojis": [],
        "stickers": [],
        "threads": [],
        "features": [],
        "unavailable": False,
    }


def _role(number: int, name: str, position: int) -> Json:
    return {
        "id": str(number),
        "name": name,
        "permissions": str(USUAL_PERMISSIONS),
        "position": position,
        "color": 0,
        "hoist": False,
        "managed": False,
        "mentionable": True,
        "flags": 0,
    }


def channel(one: Server) -> Json:
    return {
        "id": str(one.channel_id),
        "type": 0,
        "name": "codes",
        "guild_id": str(one.id),
        "position": 0,
        "permission_overwrites": [],
    }


def _member(of: Json, roles: list[int]) -> Json:
    return {
        "user": of,
        "roles": [str(role) for role in roles],
        "nick": None,
        "joined_at": _JOINED,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
    }


def message(number: int, channel_id: int, content: Json, *, author: Json | None = None) -> Json:
    """A message as Discord describes it.

    Args:
        number: its number.
        channel_id: where it is.
        content: what was sent: `content`, `embeds`, `components` and `flags`.
        author: who wrote it. None for the bot.
    """
    now = dt.datetime.now(dt.UTC).isoformat()
    return {
        "id": str(number),
        "channel_id": str(channel_id),
        "author": author or bot_user(),
        "content": content.get("content") or "",
        "timestamp": now,
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": content.get("attachments") or [],
        "embeds": content.get("embeds") or [],
        "components": content.get("components") or [],
        "pinned": False,
        "type": 0,
        "flags": content.get("flags") or 0,
    }


def interaction(use: Use) -> Json:
    """A use of the bot, as the event INTERACTION_CREATE describes it."""
    person, where = use.person, use.person.server
    found: Json = {
        "id": str(use.id),
        "application_id": str(APPLICATION_ID),
        "type": use.kind,
        "token": use.token,
        "version": 1,
        "guild_id": str(where.id),
        "channel_id": str(where.channel_id),
        "channel": channel(where),
        "guild": {"id": str(where.id), "locale": "en-GB", "features": []},
        "guild_locale": "en-GB",
        "locale": "en-GB",
        "member": _member_of(person),
        "app_permissions": str(USUAL_PERMISSIONS),
        "entitlements": [],
        "authorizing_integration_owners": {"0": str(where.id)},
        "context": 0,
        "attachment_size_limit": 10_485_760,
        "data": use.data,
    }
    if use.source is not None:
        found["message"] = use.source
    return found


def _member_of(person: Person) -> Json:
    roles = [person.server.role_id] if person.has_role else []
    member = _member(user(person.id, person.name), roles)
    return {**member, "permissions": str(USUAL_PERMISSIONS)}


def command_data(command: Json, words: list[str], options: dict[str, Any]) -> Json:
    """What Discord sends about the use of a slash command.

    Args:
        command: the registered command.
        words: the name of the subcommand, if there is one.
        options: what the person entered.
    """
    entered = [
        {"name": name, "type": 5 if isinstance(value, bool) else 3, "value": value}
        for name, value in options.items()
    ]
    if words:
        entered = [{"name": words[0], "type": 1, "options": entered}]
    return {"id": command["id"], "name": command["name"], "type": 1, "options": entered}


def menu_data(command: Json, target: Json) -> Json:
    """What Discord sends about the use of a menu of a message."""
    return {
        "id": command["id"],
        "name": command["name"],
        "type": 3,
        "target_id": target["id"],
        "resolved": {"messages": {target["id"]: target}},
    }
