"""System checks. A setting that cannot work keeps Redeemer from starting. The error has a hint.

Each module has the checks of one subject. Importing this package registers all of them.
"""

from giftcodes.checks import database, games, network, numbers, process, secrets

__all__ = ["database", "games", "network", "numbers", "process", "secrets"]
