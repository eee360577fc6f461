"""The request of a connection check: of the command `check_provider`, and of the pages.

Neither the player nor the code exists, so the game grants nothing, whichever it checks first.
"""

#: An ID that no player has.
PLAYER_ID = "1"
#: A code that does not exist.
CODE = "REDEEMERCHECK"
REALM = 1
