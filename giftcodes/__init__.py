"""The application: guilds, members, codes, and everything that redeems them."""

#: The version is defined only here. pyproject.toml and the User-Agent of the clients read it.
__version__ = "0.2.0"
