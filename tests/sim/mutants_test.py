#!/usr/bin/env python3
# timeout: 600
"""The tests of the log see a bug when there is one: a few of the planted ones (tests/sim/mutants)."""
import os
import sys

os.execv(sys.path[0] + "/mutants", ["mutants", "--few"])
