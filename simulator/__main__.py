"""`python -m simulator`: the simulator without Django."""

import sys

from simulator.cli import main

sys.exit(main())
