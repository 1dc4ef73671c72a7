"""Starts children in every way that Python has, in setup() and in predict(); each tells what it was born with."""

import ctypes
import multiprocessing
import os
import subprocess
import sys

from cog import BasePredictor

REPORT = """
import os
fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
kept = [fd for fd in fds if 99 <= fd <= 103]
zero = os.readlink("/proc/self/fd/0")
os.write(1, f"<{WHO} out kept={kept} zero={zero}>\\n".encode())
os.write(2, f"<{WHO} err>\\n".encode())
"""


def report(who: str) -> None:
    exec(REPORT, {"WHO": who})


def shell(who: str) -> str:
    code = f"WHO = {who!r}\n{REPORT}"
    return f"{sys.executable} -c '{code.replace(chr(39), chr(34))}'"


def by_subprocess(who: str) -> None:
    subprocess.run(shell(who), shell=True, check=True)


def by_system(who: str) -> None:
    assert os.system(shell(who)) == 0


def by_fork(who: str) -> None:
    pid = os.fork()
    if pid == 0:
        report(who)
        print(f"<{who} print>", flush=True)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def by_multiprocessing(who: str, method: str) -> None:
    process = multiprocessing.get_context(method).Process(target=report, args=(who,))
    process.start()
    process.join()
    assert process.exitcode == 0, process.exitcode


def by_c(who: str) -> None:
    libc = ctypes.CDLL(None)
    libc.printf(f"<{who} printf>\n".encode())
    libc.fflush(None)
    text = f"<{who} write>\n".encode()
    libc.write(1, text, len(text))


def all_ways(when: str) -> None:
    print(f"<{when} first>")
    by_subprocess(f"{when} subprocess")
    by_system(f"{when} system")
    by_fork(f"{when} fork")
    by_multiprocessing(f"{when} mp-fork", "fork")
    by_multiprocessing(f"{when} mp-spawn", "spawn")
    by_multiprocessing(f"{when} mp-forkserver", "forkserver")
    by_c(f"{when} C")
    print(f"<{when} last>")


class Predictor(BasePredictor):
    def setup(self) -> None:
        all_ways("setup")

    def predict(self, what: str) -> str:
        if what == "all":
            all_ways("predict")
        elif what == "stdin":
            return subprocess.run(["cat"], stdout=subprocess.PIPE, check=True).stdout.decode()
        elif what == "order":
            for n in range(20):
                print(f"before {n}")
                subprocess.run(["sh", "-c", f"echo child {n}; echo child err {n} >&2"], check=True)
                print(f"after {n}")
        elif what == "outlive":
            subprocess.Popen(["sh", "-c", "echo early; sleep 0.5; echo late; sleep 600"], start_new_session=True)
        return what
