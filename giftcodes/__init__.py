"""The application: guilds, members, codes, and everything that redeems them."""

#: The only place of the version. pyproject.toml and the User-Agent of the clients read it here.
__version__ = "0.2.0"
