"""What the machine does while a run is logged: metrics below ``system/``, under the names that MLflow gives them.

Read from ``/proc``, and from ``nvidia-smi`` where there is one; on macOS, which has no ``/proc``, what the standard library
tells. Tags say on which host, by which command and from which commit the run was made.
"""

from __future__ import annotations

import csv
import os
import platform
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Callable

from .notices import logger

if TYPE_CHECKING:
    from .run import Run

#: Seconds between two samples.
INTERVAL = 15.0

_MEGABYTE = 1e6
_MEBIBYTE = 2**20

#: For ``git`` and ``nvidia-smi``, which may hang with the disk or the driver, in seconds.
_PATIENCE = 10.0

#: Names of options whose values are nobody's business.
_SECRET = re.compile(r"(^|[-_])(api_?key|key|token|secret|passwd|password|credentials?)$", re.IGNORECASE)


def start(run: Run) -> Callable[[], None]:
    """Logs what the machine does until the function that it gives is called.

    A sample's step is the number of seconds since the process began its run.
    """
    stopping = threading.Event()

    def watch() -> None:
        machine = Machine()
        with suppress(Exception):
            if run.rank == 0:
                run.tags.update({name: value for name, value in describe().items() if name not in run.tags})
        began = time.monotonic()
        while not stopping.wait(INTERVAL):
            try:
                # Not by `log`, which would go on counting the steps of the training from this one.
                run._append(machine.sample(), round(time.monotonic() - began), time.time_ns() // 1_000_000)
            except Exception:
                logger.debug("What the machine does could not be logged", exc_info=True)

    thread = threading.Thread(target=watch, name="edgerun-system", daemon=True)
    thread.start()

    def stop() -> None:
        stopping.set()
        if threading.current_thread() is not thread:
            # A sample may be under way; the end of a run does not wait for a driver that hangs.
            thread.join(2)

    return stop


class Machine:
    """Samples the machine. What is counted since it started is told since this was made."""

    def __init__(self) -> None:
        self._smi = shutil.which("nvidia-smi")
        self._cpu = _cpu_times()
        self._network = _network_bytes()
        self._disk = _disk_bytes()
        self._process = sum(os.times()[:4]), time.monotonic()

    def sample(self) -> dict[str, float]:
        """The metrics by their names; without those that this machine does not tell."""
        found: dict[str, float] = {}
        for read in (self._read_cpu, self._read_memory, self._read_disk, self._read_network, self._read_gpus):
            # A machine that lacks one of them has the others.
            with suppress(OSError, ValueError, LookupError, ArithmeticError, subprocess.SubprocessError):
                found.update(read())
        return {f"system/{name}": value for name, value in found.items()}

    def _read_cpu(self) -> dict[str, float]:
        found = {"load_average": os.getloadavg()[0]}
        before, self._process = self._process, (sum(os.times()[:4]), time.monotonic())
        elapsed = self._process[1] - before[1]
        if elapsed > 0:
            found["process_cpu_utilization_percentage"] = 100 * (self._process[0] - before[0]) / elapsed
        times = _cpu_times()
        if times is not None and self._cpu is not None and times[1] > self._cpu[1]:
            busy, total = times[0] - self._cpu[0], times[1] - self._cpu[1]
            found["cpu_utilization_percentage"] = 100 * busy / total
        self._cpu = times
        return found

    def _read_memory(self) -> dict[str, float]:
        try:
            with open("/proc/self/statm") as file:
                resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            found = {"process_memory_usage_megabytes": resident / _MEGABYTE}
            with open("/proc/meminfo") as file:
                sizes = {
                    name: int(size.split()[0]) * 1024
                    for name, _, size in (line.partition(":") for line in file)
                }
            used = sizes["MemTotal"] - sizes["MemAvailable"]
            found["system_memory_usage_megabytes"] = used / _MEGABYTE
            found["system_memory_usage_percentage"] = 100 * used / sizes["MemTotal"]
            return found
        except FileNotFoundError:
            import resource

            # The most there was: macOS has it in bytes, others in KiB.
            largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return {
                "process_memory_usage_megabytes": largest
                * (1 if sys.platform == "darwin" else 1024)
                / _MEGABYTE
            }

    def _read_disk(self) -> dict[str, float]:
        usage = shutil.disk_usage(os.getcwd())
        found = {
            "disk_usage_megabytes": usage.used / _MEGABYTE,
            "disk_available_megabytes": usage.free / _MEGABYTE,
            "disk_usage_percentage": 100 * usage.used / (usage.used + usage.free),
        }
        counted = _disk_bytes()
        if counted is not None and self._disk is not None:
            found["disk_read_megabytes"] = (counted[0] - self._disk[0]) / _MEGABYTE
            found["disk_write_megabytes"] = (counted[1] - self._disk[1]) / _MEGABYTE
        return found

    def _read_network(self) -> dict[str, float]:
        counted = _network_bytes()
        if counted is None or self._network is None:
            return {}
        return {
            "network_receive_megabytes": (counted[0] - self._network[0]) / _MEGABYTE,
            "network_transmit_megabytes": (counted[1] - self._network[1]) / _MEGABYTE,
        }

    def _read_gpus(self) -> dict[str, float]:
        if self._smi is None:
            return {}
        asked = "index,utilization.gpu,memory.used,memory.total,power.draw,temperature.gpu"
        answer = _output([self._smi, f"--query-gpu={asked}", "--format=csv,noheader,nounits"])
        found: dict[str, float] = {}
        for row in csv.reader(answer.splitlines(), skipinitialspace=True):
            if len(row) != 6:
                continue
            # What a GPU does not tell is [N/A] or [Not Supported].
            utilization, used, total, watts, celsius = (_number(text) for text in row[1:])
            figures = {
                "utilization_percentage": utilization,
                "memory_usage_megabytes": used and used * _MEBIBYTE / _MEGABYTE,
                "memory_usage_percentage": 100 * used / total if used is not None and total else None,
                "power_usage_watts": watts,
                "temperature_celsius": celsius,
            }
            found.update(
                {f"gpu_{row[0]}_{name}": value for name, value in figures.items() if value is not None}
            )
        return found


def describe() -> dict[str, str]:
    """Tags that say where a run was made, and from what."""
    tags = {
        "host": socket.gethostname(),
        "command": " ".join(_shown(_command())),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    script = (
        os.path.dirname(os.path.abspath(sys.argv[0]))
        if sys.argv and os.path.isfile(sys.argv[0])
        else os.getcwd()
    )
    git = ["git", "--no-optional-locks", "-C", script]
    # There may be no git, no repository, or one of somebody else.
    with suppress(OSError, subprocess.SubprocessError):
        tags["git_commit"] = _output([*git, "rev-parse", "HEAD"]).strip()
        changed = _output([*git, "diff", "HEAD", "--shortstat"])
        counts = [int(count) for count in re.findall(r"(\d+) (?:insertion|deletion)", changed)]
        tags["git_diff_lines"] = str(sum(counts))
        tags["git_repo"] = re.sub(r"//[^/@]*@", "//", _output([*git, "remote", "get-url", "origin"]).strip())
    return tags


def _command() -> Sequence[str]:
    """The command line, with the options of Python itself where they are known (Python 3.10 and later)."""
    return getattr(sys, "orig_argv", None) or [sys.executable, *sys.argv]


def _shown(command: Sequence[str]) -> Iterator[str]:
    """The words of a command line as a shell takes them, with stars for what looks like a key or a password."""
    is_secret = False
    for word in command:
        name, equals, _ = word.partition("=")
        if is_secret and not word.startswith("-"):
            yield "***"
        elif equals and _SECRET.search(name):
            yield f"{shlex.quote(name)}=***"
        else:
            # Users and passwords in addresses, and our own keys.
            yield re.sub(r"\ber_\w+", "er_***", re.sub(r"//[^/@\s]*@", "//", shlex.quote(word)))
        is_secret = not equals and word.startswith("-") and _SECRET.search(word) is not None


def _output(command: Sequence[str]) -> str:
    """What a command prints. Raises where it fails, or takes too long."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=_PATIENCE,
        encoding="utf-8",
    )
    return done.stdout


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _cpu_times() -> tuple[int, int] | None:
    """Ticks that all processors have worked, and all ticks."""
    lines = _lines("/proc/stat")
    if not lines:
        return None
    # user, nice, system, idle, iowait, irq, softirq, steal; what guests take is counted as user's already.
    ticks = [int(text) for text in lines[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _network_bytes() -> tuple[int, int] | None:
    """Bytes that all interfaces but the loopback have received and sent."""
    rows = [line.partition(":") for line in _lines("/proc/net/dev")[2:]]
    counts = [text.split() for name, _, text in rows if name.strip() != "lo"]
    return (sum(int(row[0]) for row in counts), sum(int(row[8]) for row in counts)) if rows else None


def _disk_bytes() -> tuple[int, int] | None:
    """Bytes that were read from disks and written to them; their partitions and what is made of them left out."""
    rows = [line.split() for line in _lines("/proc/diskstats")]
    disks = [row for row in rows if os.path.exists(f"/sys/block/{row[2]}/device")]
    if not disks:
        return None
    # In sectors, of 512 bytes whatever the disk has.
    return sum(int(row[5]) for row in disks) * 512, sum(int(row[9]) for row in disks) * 512


def _lines(path: str) -> list[str]:
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []
