"""The services that a channel's address may name, and the arguments that it may have.

The arguments of an Apprise address can change the HTTP method, set a header, read a local file or
name a second host. So an address may only have the arguments that are listed here as harmless.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from giftcodes.clients.channels.base import BadAddressError, ChannelRules
from giftcodes.clients.channels.safe_text import Markup
from giftcodes.domain.sentences import Sentence

#: Arguments that every service may have. `format` must be `text`: messages are plain text.
_COMMON = frozenset({"verify", "user", "pass", "password", "format"})
#: Arguments that no service may have, not even a service that a setting adds. They would change the
#: request, its retries or its result, or read a local file.
_DANGEROUS = frozenset(
    {"attach", "attachment", "file", "headers", "method", "proxy", "redirect", "store", "template"}
    | {"cto", "optional", "overflow", "retry", "rto", "wait"}
    | {"pem", "pgp", "pgpkey", "pgpprv", "pgppub", "smime", "wkd"}
)
_SCHEME = re.compile(r"([a-z0-9][a-z0-9+.-]*)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Service:
    """A service of Apprise.

    Args:
        arguments: the arguments that an address may have. None allows all except `_DANGEROUS`.
        markup: how the service reads a text.
        host: the attribute of Apprise's object that contains the host of the address. Empty if the
            service has a fixed host. In the modes `cloud` and `t2bot`, the host is fixed too.
    """

    arguments: frozenset[str] | None
    markup: Markup = Markup.PLAIN
    host: str = ""


def _service(arguments: str, *, markup: Markup = Markup.PLAIN, host: str = "") -> Service:
    return Service(_COMMON | frozenset(arguments.split()), markup, host)


_JSON = _service("", host="host")
_EMAIL = _service("to cc bcc from name smtp mode reply", host="smtp_host")
_GOTIFY = _service("priority", host="host")
_MATRIX = _service("to mode token version v msgtype image discovery hsreq path e2ee", host="host")
_MATTERMOST = _service(
    "to channel channels image mode team botname", markup=Markup.MARKDOWN, host="host"
)
_NTFY = _service("to priority tags xtags mode auth token image", host="host")
_ROCKET = _service("to mode avatar webhook", markup=Markup.MARKDOWN, host="host")

#: Services that show a name as plain text, as tests/clients/channels/test_services.py checks.
SERVICES: Mapping[str, Service] = {
    "gchat": _service("workspace key token thread threadkey", markup=Markup.MARKDOWN),
    "gotify": _GOTIFY,
    "gotifys": _GOTIFY,
    "json": _JSON,
    "jsons": _JSON,
    "mailto": _EMAIL,
    "mailtos": _EMAIL,
    "matrix": _MATRIX,
    "matrixs": _MATRIX,
    "mmost": _MATTERMOST,
    "mmosts": _MATTERMOST,
    "ntfy": _NTFY,
    "ntfys": _NTFY,
    "pover": _service("to priority sound expire interval"),
    "rocket": _ROCKET,
    "rockets": _ROCKET,
    "slack": _service("to token mode image footer timestamp"),
    "tgram": _service("to topic thread silent preview detect"),
}
#: What the services call themselves, by scheme. A further s means the same service over TLS.
_NAMES: Mapping[str, str] = {
    "gchat": "Google Chat",
    "gotify": "Gotify",
    "json": "JSON",
    "mailto": "E-mail",
    "matrix": "Matrix",
    "mmost": "Mattermost",
    "ntfy": "ntfy",
    "pover": "Pushover",
    "rocket": "Rocket.Chat",
    "slack": "Slack",
    "tgram": "Telegram",
}
_FIXED_HOST_MODES = frozenset({"cloud", "t2bot"})


def scheme_of(address: str) -> str:
    """Return the scheme of an address, in lower case, or an empty string if it has none."""
    match = _SCHEME.match(address)
    return match[1].lower() if match else ""


def name_of(address: str) -> str:
    """Return the name of the service for an address that is not the URL of a Discord webhook."""
    scheme = scheme_of(address)
    return _NAMES.get(scheme.removesuffix("s"), _NAMES.get(scheme, scheme))


def service_of(address: str, rules: ChannelRules) -> Service:
    """Return the service that an address names.

    Raises:
        BadAddressError: the service is not in `SERVICES`, and no setting allows it.
    """
    scheme = scheme_of(address)
    if scheme in SERVICES:
        return SERVICES[scheme]
    if scheme in rules.more_schemes:
        return Service(None)
    if scheme == "discord":
        raise BadAddressError(Sentence.of("address_part_of_discord"))
    raise BadAddressError(Sentence.of("service_not_allowed", allowed=services_allowed()))


def services_allowed() -> Sentence:
    """Which addresses are allowed, for an error."""
    services = ", ".join(f"{name}://" for name in SERVICES)
    return Sentence.of("services_allowed", services=services)


def check_arguments(service: Service, parsed: Mapping[str, Any]) -> None:
    """Check the arguments of an address.

    Args:
        service: the service that the address names.
        parsed: the address as Apprise reads it.

    Raises:
        BadAddressError: the address has a forbidden argument. The text contains the name of the
            argument, but not its value.
    """
    arguments: Mapping[str, str] = parsed.get("qsd") or {}
    for name, value in arguments.items():
        is_allowed = (
            name[:1] not in ("+", "-", ":")
            and name not in _DANGEROUS
            and (service.arguments is None or name in service.arguments)
            and (name != "format" or value.lower() == "text")
        )
        if not is_allowed:
            shown = name if re.fullmatch(r"[+:-]?[a-z_]{1,20}", name) else "…"
            raise BadAddressError(Sentence.of("argument_not_allowed", name=shown))


def host_of(service: Service, plugin: Any) -> str:
    """Return the host that a person typed in the address. Empty if the service's host is fixed.

    Args:
        service: the service that the address names.
        plugin: Apprise's object for the address.
    """
    if not service.host or str(getattr(plugin, "mode", "")).lower() in _FIXED_HOST_MODES:
        return ""
    return str(getattr(plugin, service.host, "") or "")
