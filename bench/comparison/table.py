"""Medians, ratios, and the table."""

import statistics
from dataclasses import dataclass

from .servers import ANCHOR, ANCHOR_LUA

HEADER = ["scenario", "server", "CPU µs", "user", "kernel", "ratio", "range", "to lua", "p99 ratio", "p99 µs", "ops/s", "PSS MiB", "clean"]


@dataclass
class Row:
    """A scenario on a server."""

    line: str
    server: str
    cells: list


def median(values):
    """The median of those that are there, or None."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def ratios(own, other, of):
    """The ratios within a repeat; both sides must have been clean in it."""
    others = {one.repeat: of(one) for one in other}
    return [of(one) / others[one.repeat] for one in own if others.get(one.repeat)]


def cpu(one):
    return one.cpu_us


def p99(one):
    return one.p99_us


def span(values):
    """Least and greatest."""
    return f"{min(values):.2f}-{max(values):.2f}" if values else "-"


def number(value, places):
    return "-" if value is None else f"{value:,.{places}f}"


def rows(measurements):
    """Rows by scenario, in the order in which they were measured, and server."""
    by = {}
    for one in measurements:
        by.setdefault(one.line, {}).setdefault(one.server, []).append(one)
    found = []
    for line, servers in by.items():
        clean = {name: [one for one in runs if one.clean] for name, runs in servers.items()}
        anchor, anchor_lua = clean.get(ANCHOR, []), clean.get(ANCHOR_LUA, [])
        for name in sorted(servers):
            runs = clean[name]
            cells = [
                number(median([one.cpu_us for one in runs]), 2),
                number(median([one.user_us for one in runs]), 2),
                number(median([one.kernel_us for one in runs]), 2),
                number(median(ratios(runs, anchor, cpu)), 2),
                span(ratios(runs, anchor, cpu)),
                number(median(ratios(runs, anchor_lua, cpu)) if name.endswith("-lua") else None, 2),
                number(median(ratios(runs, anchor, p99)), 2),
                number(median([one.p99_us for one in runs]), 0),
                number(median([one.per_second for one in runs]), 0),
                number(median([one.pss_kib / 1024 for one in runs]), 0),
                f"{len(runs)}/{len(servers[name])}",
            ]
            found.append(Row(line, name, cells))
    return found


def text(found):
    """The table for a terminal."""
    lines = [HEADER] + [[row.line, row.server, *row.cells] for row in found]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    out, before = [], None
    for line in lines:
        if before is not None and line[0] != before:
            out.append("")
        before = line[0]
        out.append("  ".join(cell.ljust(width) if column < 2 else cell.rjust(width)
                             for column, (cell, width) in enumerate(zip(line, widths))).rstrip())
    return "\n".join(out)


def markdown(found):
    """The same table for bench/RESULTS.md."""
    out = ["| " + " | ".join(HEADER) + " |", "|---|---|" + "---:|" * (len(HEADER) - 2)]
    out += ["| " + " | ".join([row.line, row.server, *row.cells]) + " |" for row in found]
    return "\n".join(out)


def not_clean(measurements):
    """A line for each run that does not count."""
    return [f"{one.line} on {one.server}, repeat {one.repeat + 1}: {one.why or 'not clean'}" for one in measurements if not one.clean]
