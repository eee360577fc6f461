"""The pages for players, who have no account: a link is enough.

- `/join/…`: ask to join a guild.
- `/my/…`: a player's own codes and wishes.
- `/codes/…`: a guild's codes, for anyone, without names.

The pages work without JavaScript, which only adds buttons that copy and share. A GET changes
nothing. The address of a page of the first two kinds has a secret token, so these pages are neither
cached nor indexed, and browsers do not tell their addresses to other sites.
"""
