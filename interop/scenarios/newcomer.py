"""What somebody meets who does it wrong: each mistake gets a clear error and changes nothing."""

import os
import re
import shlex
import time

from lib.baresip import Baresip
from lib.processes import Failure, wait_until
from lib.scenario import scenario
from lib.server import free_port, run_cli

OK, FAILED, USAGE, CONFIGURATION, NOT_RUNNING = range(5)


def must_end(result, code, *words):
    """A command ended with this code and said all these words."""
    got, out, err = result
    text = out + err
    if got != code or not all(re.search(w, text, re.I) for w in words):
        raise Failure(f"ended with {got}, wanted {code} and the words {words}\n{text}")
    if "panicked" in text:
        raise Failure(f"it panicked\n{text}")


@scenario("newcomer-wrong-words", stand_in=False)
def wrong_words(world):
    server = world.server(start=False)
    must_end(run_cli([server.binary, "rnu"], server.directory), USAGE, "rnu", "run|usage")
    must_end(run_cli([server.binary, "run", "--confg", "x"], server.directory), USAGE, "--confg", "--config|usage")
    must_end(run_cli([server.binary, "run", "-c", "absent.toml"], server.directory), CONFIGURATION, "absent.toml")
    must_end(server.cli("status"), NOT_RUNNING, "not running|no server")
    must_end(run_cli([server.binary, "--help"], server.directory), OK, "run", "check", "user")
    must_end(run_cli([server.binary, "version"], server.directory), OK, r"\d+\.\d+")


@scenario("newcomer-wrong-configuration", stand_in=False)
def wrong_configuration(world):
    server = world.server(start=False)
    with open(server.config, encoding="utf-8") as f:
        good = f.read()
    must_end(server.cli("check"), OK)
    for change, words in (
        (("domains =", "domans ="), ("domans", r"strowger\.toml:1", "domains")),
        (('"example.test"', '"exa mple.test"'), (r"strowger\.toml:1", "exa mple")),
        (("udp:127.0.0.1", "upd:127.0.0.1"), ("upd", r"strowger\.toml:2")),
        (("[admin]", "[admn]"), ("admn", "admin")),
        ((f"udp:127.0.0.1:{server.port}", "udp:127.0.0.1:99999"), ("99999",)),
    ):
        server.write_config(good.replace(*change, 1))
        must_end(server.cli("check"), CONFIGURATION, *words)
        must_end(server.cli("run"), CONFIGURATION, *words)
    two = good.replace("domains =", "domans =", 1).replace("[admin]", "[admn]", 1)
    server.write_config(two)
    must_end(server.cli("check"), CONFIGURATION, "domans", "admn")
    if os.path.exists(os.path.join(server.directory, "data")):
        raise Failure("a refused configuration created the data folder")


@scenario("newcomer-reload", stand_in=False)
def reload_keeps_the_old(world):
    server = world.server()
    with open(server.config, encoding="utf-8") as f:
        good = f.read()
    server.write_config(good + "\n[proxxy]\n")
    must_end(server.cli("reload"), CONFIGURATION, "proxxy")
    alice = world.peer("alice", server)
    alice.register()
    server.write_config(good.replace('[[user]]\nname = "bob"', '[[user]]\nname = "dora"'))
    must_end(server.cli("reload"), OK)
    dora = world.peer("dora", server, password="pw-bob")
    dora.register()
    bob = world.peer("bob", server)
    if bob.transact(bob.register_request()).status != 401:
        raise Failure("bob could still register after he was removed")


@scenario("newcomer-port-in-use", stand_in=False)
def port_in_use(world):
    first = world.server()
    second = world.server(start=False, name="second")
    with open(second.config, encoding="utf-8") as f:
        text = f.read()
    second.write_config(text.replace(f":{second.port}\"", f":{first.port}\""))
    must_end(second.cli("run"), FAILED, str(first.port), "use")
    must_end(first.cli("run"), FAILED, "already|running|use")
    world.peer("alice", first).register()


@scenario("newcomer-second-instance", stand_in=False)
def second_instance(world):
    """Two servers must not share a data folder, even on different ports."""
    first = world.server()
    second = world.server(start=False, name="second")
    second.settings["data"] = first.settings["data"]
    second.write_config()
    must_end(second.cli("run"), FAILED, "already|another|in use|running")
    world.peer("alice", first).register()


@scenario("newcomer-bad-data-folder", stand_in=False)
def bad_data_folder(world):
    server = world.server(start=False)
    with open(os.path.join(server.directory, "data"), "w", encoding="utf-8") as out:
        out.write("a file where the folder should be\n")
    must_end(server.cli("run"), FAILED, "data")


@scenario("newcomer-accounts", stand_in=False)
def accounts(world):
    """`user` with and without a running server; unknown user and wrong password are refused, good ones work."""
    server = world.server(start=False)
    server.passwords["carol"] = "pw-carol"
    add = ["user", "add", "carol", "--password-stdin"]
    must_end(server.cli(*add, stdin="pw-carol\n"), OK, "carol")
    must_end(server.cli(*add, stdin="other\n"), FAILED, "carol", "exist")
    must_end(server.cli("user", "del", "nobody"), FAILED, "nobody")
    server.start()
    world.peer("carol", server).register()
    must_end(server.cli("user", "add", "dave", "--password-stdin", stdin="pw-dave\n"), OK, "dave")
    dave = world.peer("dave", server, password="pw-dave")
    dave.register()
    must_end(server.cli("user", "list"), OK, "carol", "dave", "alice")
    must_end(server.cli("reg", "list"), OK, "carol", "dave")
    must_end(server.cli("user", "passwd", "dave", "--password-stdin", stdin="new\n"), OK)
    old = world.peer("dave", server, password="pw-dave")
    if old.transact(old.register_request()).status != 401:
        raise Failure("the old password still works")
    must_end(server.cli("user", "del", "dave"), OK)
    must_end(server.cli("user", "del", "dave"), FAILED, "dave")
    must_end(server.cli("reg", "drop", "carol"), OK)
    if world.peer("carol", server).bindings():
        raise Failure("carol is still registered after `reg drop`")


@scenario("newcomer-import", seconds=60, stand_in=False)
def import_accounts(world):
    """20,000 rows in under 5 s."""
    server = world.server(start=False)
    path = os.path.join(server.directory, "users.csv")
    with open(path, "w", encoding="utf-8") as out:
        out.write("name,password\n")
        out.writelines(f"i{n},secret-{n}\n" for n in range(20000))
    began = time.monotonic()
    must_end(server.cli("user", "import", path), OK, "20,?000")
    took = time.monotonic() - began
    server.start()
    world.peer("i19999", server, password="secret-19999").register()
    world.note(f"20,000 rows in {took:.1f} s")
    if took > 5:
        raise Failure(f"the import took {took:.1f} s")


@scenario("newcomer-refused-phone", seconds=40, stand_in=False)
def refused_phone(world):
    """A phone with a wrong password says so; with the right one it registers at once (it was not banned)."""
    server = world.server()
    wrong = Baresip(world, server, "alice", 440, seconds=3, password="wrong")
    wait_until(lambda: "401" in wrong.process.log(), 8, "baresip to report 401", give_up=lambda: not wrong.process.running)
    wrong.process.stop()
    right = Baresip(world, server, "bob", 440, seconds=3)
    right.registered()
    world.peer("alice", server).register()


@scenario("newcomer-small-clients", stand_in=False)
def small_clients(world):
    """`ping`, `register` and `message` of the program itself."""
    server = world.server()
    at = server.host_port
    run = lambda *words: run_cli([server.binary, *words], server.directory)
    must_end(run("ping", f"sip:{at}"), OK, "200")
    must_end(run("register", f"sip:alice@{at}", "--password", "pw-alice"), OK)
    must_end(run("register", f"sip:alice@{at}", "--password", "wrong"), FAILED, "401|password")
    must_end(run("ping", f"sip:127.0.0.1:{free_port()}"), FAILED)


@scenario("newcomer-trial", stand_in=False)
def trial(world):
    """No arguments: two accounts with printed passwords, and three commands that work as pasted."""
    home = world.directory("trial")
    process = world.start("trial", [world.binary], home)
    process.expect_log("For real use", 10)
    text = process.log()
    commands = re.findall(r"^\s+\S.*?\s((?:ping|register|message) .*?)(?:  #.*)?$", text, re.M)
    if [line.split()[0] for line in commands] != ["ping", "register", "message"]:
        raise Failure(f"the trial shows {commands}, not three commands\n{text}")
    if len(re.findall(r"^\s+100\d\s+password \S{8,}$", text, re.M)) != 2:
        raise Failure(f"the trial does not show two passwords\n{text}")
    staying = None
    for line in commands:
        words = [world.binary, *shlex.split(line)]
        if "--stay" in words:
            staying = world.start("register-stay", words, home)
            staying.expect_log("1002", 5)
            wait_until(lambda: "1002" in run_cli([world.binary, "reg", "list"], home)[1], 5, "1002 to be registered")
        else:
            must_end(run_cli(words, home, 10), OK)
    staying.expect_log("Hello", 5)
    if os.stat(os.path.join(home, "strowger-data")).st_mode & 0o077:
        raise Failure("others can read the trial's data folder")
    must_end(run_cli([world.binary], home, 10), FAILED, "another Strowger")


@scenario("newcomer-examples", stand_in=False)
def examples(world):
    """Every configuration in examples/, and what `init` writes, passes `check`."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
    home = world.directory("examples")
    for name in sorted(os.listdir(folder)):
        if name.endswith(".toml"):
            must_end(run_cli([world.binary, "check", "-c", os.path.join(folder, name)], home), OK)
    must_end(run_cli([world.binary, "init", "--domain", "example.test", "--listen", "udp:127.0.0.1:5060"], home), OK, "strowger.toml")
    must_end(run_cli([world.binary, "check"], home), OK)
    must_end(run_cli([world.binary, "init", "--domain", "other.test"], home), FAILED, "strowger.toml", "exist")
