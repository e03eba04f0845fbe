"""Reloading under load."""

import time

from robust.program import Load, all_went, ms, program, pss, MIB, registered, same_process


@program("reload", seconds=60, seconds_long=120)
def reload(run):
    """The configuration is reloaded every second, changed each time, while calls are made: none is dropped."""
    server = run.server(limits={"trusted_sources": ["127.0.0.0/8"]})
    rate, seconds = run.size(50, 500), run.size(4, 20)
    load = Load(run, server, "call", "--rate", rate, "--duration", f"{seconds + 1}s", "--users", 100, "--prefix", "r",
                "--hold", "2s")
    registered(server, "r")
    memory = pss(server)
    times = []
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        turn = len(times)
        # What a running server may take over: another user, other times.
        server.settings["user"] = [{"name": f"u{turn}", "password": "x"}, {"name": "alice", "password": "y"}]
        server.settings["proxy"] = {"ring_seconds_max": 60 + turn, "fork": ("by-q", "parallel")[turn % 2]}
        server.settings["server_header"] = f"turn {turn}"
        server.write_config()
        at = time.monotonic()
        code, out, err = server.cli("reload")
        times.append(time.monotonic() - at)
        run.must(code == 0, f"reload {turn + 1} ended with {code}: {err or out}")
        time.sleep(max(0.0, began + len(times) - time.monotonic()))
    report = load.report(120)
    run.figure(f"{len(times)} reloads, slowest {max(times) * 1000:.0f} ms; {report['operations']} calls at {rate}/s, "
               f"{report['failed']} failed, p50 {ms(report, 'p50'):.1f} p99 {ms(report, 'p99'):.1f} max {ms(report, 'max'):.0f} ms, "
               f"{report['retransmissions']} requests repeated; PSS {memory / MIB:.0f} and {pss(server) / MIB:.0f} MiB")
    all_went(run, report, "calls during reloads")
    same_process(run, server)
