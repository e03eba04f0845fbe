"""Tests of `bench/compare`: python3 bench/test_compare.py

The run against real servers needs the built program: target/release/strowger, target/debug/strowger, or what the variable
STROWGER names. It takes a few seconds and no Kamailio.
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
LOADER = importlib.machinery.SourceFileLoader("compare", os.path.join(HERE, "compare"))
compare = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", LOADER))
LOADER.exec_module(compare)

from comparison import judges, table  # noqa: E402
from comparison.scenarios import SCENARIOS  # noqa: E402

TINY = ["--repeats", "1", "--scale", "0.005", "--soak", "100", "--settle", "0", "--port-base", "27900"]


def binary():
    """The built program, or None."""
    target = os.path.join(os.path.dirname(HERE), "target")
    for path in (os.environ.get("STROWGER"), f"{target}/release/strowger", f"{target}/debug/strowger"):
        if path and os.access(path, os.X_OK):
            return path
    return None


def run(words):
    """(exit code, what was printed)."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = compare.compare(words)
    return code, out.getvalue()


def measured(server, repeat, cpu, clean=True, p99=100.0):
    return judges.Measurement(server, "options", repeat, clean, "" if clean else "2 failed", cpu_us=cpu, p99_us=p99)


class Tables(unittest.TestCase):
    def cells(self, measurements, server):
        row = next(row for row in table.rows(measurements) if row.server == server)
        return dict(zip(table.HEADER[2:], row.cells))

    def test_ratio_is_the_median_of_ratios_within_a_repeat(self):
        runs = [measured("kamailio", 0, 10), measured("strowger", 0, 4), measured("kamailio", 1, 20), measured("strowger", 1, 12),
                measured("kamailio", 2, 10), measured("strowger", 2, 5)]
        cells = self.cells(runs, "strowger")
        self.assertEqual((cells["CPU µs"], cells["ratio"], cells["clean"]), ("5.00", "0.50", "3/3"))
        self.assertEqual(cells["range"], "0.40-0.60")

    def test_what_is_not_clean_does_not_count_and_is_told(self):
        runs = [measured("kamailio", 0, 10), measured("strowger", 0, 1, clean=False), measured("kamailio", 1, 10),
                measured("strowger", 1, 5)]
        cells = self.cells(runs, "strowger")
        self.assertEqual((cells["CPU µs"], cells["ratio"], cells["clean"]), ("5.00", "0.50", "1/2"))
        self.assertEqual(table.not_clean(runs), ["options on strowger, repeat 1: 2 failed"])

    def test_a_repeat_without_a_clean_anchor_gives_no_ratio(self):
        runs = [measured("kamailio", 0, 10, clean=False), measured("strowger", 0, 5)]
        self.assertEqual(self.cells(runs, "strowger")["ratio"], "-")

    def test_markdown_has_a_cell_for_each_heading(self):
        lines = table.markdown(table.rows([measured("strowger", 0, 5)])).splitlines()
        self.assertEqual({line.count("|") for line in lines}, {len(table.HEADER) + 1})


class Judges(unittest.TestCase):
    def test_an_open_loop_has_a_rate_and_digest_its_own_users(self):
        for judge in (judges.StrowgerLoad("x"), judges.Sipload("x")):
            self.assertIn("2000", judge.words(SCENARIOS["options-paced"], 5060, 1, 10, 1, 100))
        words = judges.StrowgerLoad("x").words(SCENARIOS["register-auth"], 5060, 1, 10, 1, 100)
        self.assertEqual(words[words.index("--prefix") + 1], "a")

    def test_a_tool_that_says_nothing_is_not_clean(self):
        running = mock.Mock(port=5060, pid=1)
        running.server.name = "strowger"
        found = judges.Sipload("/bin/false").measure(SCENARIOS["options"], running, 0, 1.0)
        self.assertEqual([(one.clean, one.why) for one in found], [(False, "exit code 1")])


class CommandLine(unittest.TestCase):
    def test_unknown_names_are_refused_with_those_that_exist(self):
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors), self.assertRaises(SystemExit) as ended:
            compare.arguments(["--servers", "opensips"])
        self.assertEqual(ended.exception.code, 2)
        self.assertIn("'opensips' is not known; there are kamailio,", errors.getvalue())

    def test_a_program_that_is_not_there_is_an_error_with_a_hint(self):
        with self.assertRaises(compare.Fault) as fault:
            compare.compare(["--binary", "/nowhere/strowger"])
        self.assertIn("cargo build --release", str(fault.exception))


@unittest.skipIf(binary() is None, "strowger is not built")
class WithServers(unittest.TestCase):
    def test_without_kamailio_ours_are_measured_alone(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch("comparison.servers.kamailio", return_value=None), \
                mock.patch.dict(os.environ):
            os.environ.pop("SIPLOAD", None)
            out = os.path.join(folder, "runs.jsonl")
            code, printed = run(["--binary", binary(), "--out", out, *TINY])
            with open(out, encoding="utf-8") as lines:
                runs = [json.loads(line) for line in lines]
        self.assertEqual(code, 0, printed)
        self.assertIn("kamailio takes no part: kamailio is not installed", printed)
        self.assertIn("no ratios", printed)
        expected = {(line, server) for line in ("options", "options-paced", "invite-404", "register fresh", "register refresh",
                                                "message", "call") for server in ("strowger", "strowger-lua")}
        expected |= {("register-auth", "strowger-digest"), ("register-auth", "strowger-lua")}
        self.assertEqual({(one["line"], one["server"]) for one in runs}, expected)
        self.assertTrue(all(one["clean"] and one["cpu_us"] > 0 for one in runs), runs)
        for line, server in expected:
            self.assertRegex(printed, rf"(?m)^{line} +{server} +[\d,.]+ .* 1/1$")

    def test_a_port_that_is_taken_is_told(self):
        import socket
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
            with self.assertRaises(compare.Fault) as fault:
                run(["--binary", binary(), "--servers", "strowger", "--scenarios", "options", *TINY, "--port-base", str(port)])
        self.assertIn(f"UDP port {port} of 127.0.0.1 is taken", str(fault.exception))


if __name__ == "__main__":
    unittest.main()
