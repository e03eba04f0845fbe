"""The list of scenarios: a function with a name and a time limit."""

from collections import namedtuple

Scenario = namedtuple("Scenario", "name seconds run stand_in")
ALL = []


class Skip(Exception):
    """The scenario does not apply (a program it needs is not installed)."""


class OnDemand(Skip):
    """The scenario runs only where it was asked for; elsewhere its absence is no failure."""


def scenario(name, seconds=30, stand_in=True):
    """Register a scenario. `stand_in`: whether it also applies to the Kamailio stand-in."""
    def register(function):
        ALL.append(Scenario(name, seconds, function, stand_in))
        return function
    return register
