"""Scripts written for Kamailio, under Debian's Kamailio and under ours: every peer must receive the same."""

from kamailio import (EXAMPLE, rows_calls, rows_forks, rows_nat, rows_registration, rows_requests,  # noqa: F401
                      rows_silence)
from lib.kamailio import servers
from lib.scenario import scenario
from lib.trial import compare


@scenario("kamailio-example", seconds=120, stand_in=False)
def example(world):
    """The example of Kamailio's package, unedited, row by row."""
    compare(world, EXAMPLE, *servers(world, EXAMPLE.users()))
