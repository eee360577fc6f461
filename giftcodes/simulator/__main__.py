"""`python -m giftcodes.simulator`: the simulator without Django."""

import sys

from giftcodes.simulator.cli import main

sys.exit(main())
