"""SIGTERM and SIGHUP end a command as Ctrl-C does: nothing half-written stays, and it says how to go on."""

import signal
import subprocess
import sys
from functools import partial

import pytest

from regard.cli import main

WORK = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored where tests run in the background
import regard.cli as cli
from regard.core.storage import replacing
def run(arguments):
    with replacing(sys.argv[1]) as beside:
        beside.write_text("half")
        print("begun", flush=True)
        time.sleep(60)
cli._run = run
sys.exit(cli.main([]))
"""


def started(path, *before):
    command = [*before, sys.executable, "-c", WORK, str(path)]
    heard = partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)  # which `nohup`, around all tests, has ignored
    work = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    assert work.stdout.readline() == "begun\n"
    return work


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_stopped_command_leaves_nothing_and_says_how_to_go_on(tmp_path, number):
    work = started(tmp_path / "out.npz")
    work.send_signal(number)
    _, said = work.communicate(timeout=60)
    assert work.returncode == 128 + number
    assert said.strip() == "stopped; run the same command again to go on"
    assert not list(tmp_path.iterdir())


def test_what_is_ignored_stays_ignored(tmp_path):
    work = started(tmp_path / "out.npz", "sh", "-c", 'trap "" HUP; exec "$@"', "sh")
    work.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        work.wait(timeout=0.5)
    work.send_signal(signal.SIGTERM)
    work.communicate(timeout=60)
    assert work.returncode == 128 + signal.SIGTERM and not list(tmp_path.iterdir())


def test_handlers_are_given_back():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    assert main(["--version"]) == 0
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before
