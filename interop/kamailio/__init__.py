"""Kamailio beside ours: the rows of each script, and the scripts of our own."""

from lib.trial import Rows

EXAMPLE = Rows()
COVERAGE = Rows()
FUNCTIONS = Rows()
REPLIES = Rows()
BENCH = Rows()
