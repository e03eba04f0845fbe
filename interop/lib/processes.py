"""Child processes of a scenario: started with a log file each, and ended by their own id only."""

import os
import signal
import subprocess
import time


class Failure(Exception):
    """A scenario found something other than it must show."""


class Process:
    def __init__(self, name, argv, directory, env=None, stdin=False):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.log_path = os.path.join(directory, f"{name}.log")
        self._log = open(self.log_path, "ab")
        self._log.write(("$ " + " ".join(self.argv) + "\n").encode())
        self._log.flush()
        self.child = subprocess.Popen(
            self.argv,
            cwd=directory,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def pid(self):
        return self.child.pid

    @property
    def running(self):
        return self.child.poll() is None

    @property
    def code(self):
        return self.child.poll()

    def say(self, line):
        """Write one line to the program's standard input."""
        try:
            self.child.stdin.write((line + "\n").encode())
            self.child.stdin.flush()
        except (BrokenPipeError, ValueError) as problem:
            raise Failure(f"{self.name} no longer reads its commands ({problem})") from None

    def log(self):
        with open(self.log_path, "rb") as f:
            return f.read().decode("utf-8", "replace")

    def wait(self, seconds):
        """The exit code, or None if it still runs after `seconds`."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def expect_log(self, text, seconds, count=1):
        """Wait until `text` stands in the log (at least `count` times)."""
        wait_until(lambda: self.log().count(text) >= count, seconds, f"{self.name} to log {text!r}",
                   give_up=lambda: not self.running)

    def kill(self):
        """End it at once, as a crash would (SIGKILL), with all it started."""
        self._signal(signal.SIGKILL)
        self.child.wait()

    def stop(self, seconds=3):
        """Ask it to end; after `seconds` end it."""
        if self.running:
            self._signal(signal.SIGTERM)
            if self.wait(seconds) is None:
                self.kill()
        if self.child.stdin:
            try:
                self.child.stdin.close()
            except BrokenPipeError:
                pass
        self._log.close()

    def _signal(self, number):
        try:
            os.killpg(self.child.pid, number)
        except ProcessLookupError:
            pass


def wait_until(condition, seconds, what, give_up=lambda: False, step=0.02):
    """Poll `condition` until it is true; its value. Fails with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if give_up() and not condition():
            raise Failure(f"waited for {what}, but the program ended")
        if time.monotonic() > end:
            raise Failure(f"waited {seconds} s for {what}")
        time.sleep(step)
