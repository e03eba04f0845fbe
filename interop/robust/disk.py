"""A full disk."""

import os
import shutil
import sqlite3
import subprocess
import time

from lib.processes import Failure, wait_until
from robust.program import Load, all_went, program, registered, same_process

DISK_MIB = 16


def fill(folder):
    """Write until there is no room; the file that takes it."""
    path = os.path.join(folder, "ballast")
    with open(path, "wb", buffering=0) as out:
        for size in (1 << 16, 1 << 9, 1):
            try:
                while True:
                    out.write(b"\0" * size)
            except OSError:
                pass
    return path


@program("disk-full", seconds=60, seconds_long=120)
def disk_full(run):
    """The data folder's disk fills up: calls go on, REGISTER is refused, nothing is corrupt, and room heals it."""
    run.must_be_enclosed()
    folder = run.world.directory("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700", "tmpfs", folder], check=True)
    try:
        server = run.server(users=[f"u{n}" for n in range(1, 601)], data=os.path.join(folder, "data"),
                            limits={"trusted_sources": ["127.0.0.0/8"]})
        kept = []
        for number in range(1, 101):
            peer = run.world.peer(f"u{number}", server)
            kept.append(peer.register(expires=3600).get("contact") and peer)
        load = Load(run, server, "call", "--rate", 50, "--duration", f"{run.size(10, 30)}s", "--users", 20, "--prefix", "c",
                    "--hold", "100ms")
        registered(server, "c")
        ballast = fill(folder)
        statuses, slowest, acknowledged = {}, 0.0, []
        until = time.monotonic() + run.size(4, 20)
        number = 0
        while time.monotonic() < until:
            peer = run.world.peer(f"u{101 + number % 400}", server)
            began = time.monotonic()
            # Each takes room in the journal: sooner or later there is none.
            status = peer.transact(peer.register_request(expires=3600), 20).status
            slowest = max(slowest, time.monotonic() - began)
            statuses[status] = statuses.get(status, 0) + 1
            if status == 200:
                acknowledged.append(peer)
            else:
                peer.close()
            number += 1
            time.sleep(0.01)
        run.must(server.process.running, f"the server ended with {server.process.code}")
        os.remove(ballast)
        peer = run.world.peer("u600", server)
        wait_until(lambda: peer.transact(peer.register_request(expires=3600), 5).status == 200, 10, "REGISTER to work again")
        report = load.report(90)
        told = ", ".join(f"{n} × {s}" for s, n in sorted(statuses.items()))
        run.figure(f"while full REGISTER got {told}, slowest {slowest * 1000:.0f} ms; calls {report['operations']}, "
                   f"failed {report['failed']}")
        same_process(run, server)
        run.must(set(statuses) <= {200, 500, 503}, f"REGISTER got {told}")
        run.must(statuses.get(500, 0) + statuses.get(503, 0) > 0, f"no REGISTER was refused ({told}): the disk was not full")
        all_went(run, report, "calls while the disk was full")
        # What was acknowledged is there after a crash, and the database is whole.
        server.crash()
        check_databases(run, os.path.join(folder, "data"))
        server.start(20)
        lost = [p.name for p in [*kept, *acknowledged, peer] if not p.bindings()]
        run.figure(f"{len(kept) + len(acknowledged) + 1} acknowledged bindings, {len(lost)} lost in a crash afterwards")
        run.must(not lost, f"acknowledged bindings are lost: {lost[:5]}")
    finally:
        run.world.close()
        for _ in range(50):
            if subprocess.run(["umount", folder], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        else:
            raise Failure(f"{folder} cannot be unmounted")


def check_databases(run, folder):
    """SQLite's own check of every database, on a copy: opening one would repair it."""
    found = 0
    copy = run.world.directory("copy")
    for name in sorted(os.listdir(folder)):
        if os.path.isfile(os.path.join(folder, name)):
            shutil.copy(os.path.join(folder, name), os.path.join(copy, name))
    for name in sorted(os.listdir(copy)):
        path = os.path.join(copy, name)
        if not os.path.exists(path):
            continue  # SQLite is done with it
        with open(path, "rb") as source:
            if not source.read(16).startswith(b"SQLite format 3"):
                continue
        found += 1
        database = sqlite3.connect(path)
        answer = database.execute("PRAGMA integrity_check").fetchall()
        database.close()
        run.must(answer == [("ok",)], f"{name} is corrupt: {answer[:3]}")
    run.must(found > 0, f"no database in {os.listdir(folder)}")
    run.figure(f"{found} database whole")
