"""Ends the runs of a process when it ends: by itself, by an exception, by a signal; and parts them when it forks."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from .notices import logger, warn_once

if TYPE_CHECKING:
    from .run import Run

#: How long a process that ends waits for the tracker to have everything, in seconds.
PATIENCE = 60.0

#: How long a process that was told to end may take to send what is left, in seconds. Schedulers kill after some 30.
SIGNAL_PATIENCE = 10.0

_kept: dict[int, Run] = {}
_failure: str | None = None
_is_installed = False
_installed_signals: dict[int, Any] = {}


def describe(error: BaseException | None) -> str:
    """An exception in one line."""
    if error is None:
        return "unknown"
    name = type(error).__name__
    try:
        text = f"{name}: {error}" if str(error) else name
    except Exception:
        # It cannot even say what it is.
        text = name
    return text.replace("\n", " ")[:500]


def patience() -> float:
    """How long to wait where nothing else is said, in seconds."""
    try:
        return float(os.environ.get("EDGERUN_FINISH_TIMEOUT") or PATIENCE)
    except ValueError:
        warn_once("patience", "EDGERUN_FINISH_TIMEOUT is no number of seconds")
        return PATIENCE


def watch(run: Run) -> None:
    """Sees to a run when the process ends or forks."""
    _kept[id(run)] = run
    _install()


def forget(run: Run) -> None:
    """A run that has ended needs nothing any more."""
    _kept.pop(id(run), None)


def on_process_end() -> None:
    """Processes of `multiprocessing` end without `atexit`: they have a way of their own."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None:
        return
    util.Finalize(None, _end_all, exitpriority=100)


def _install() -> None:
    """Once a process; children that are forked inherit it."""
    global _is_installed
    if not _is_installed:
        _is_installed = True
        atexit.register(_end_all)
        _chain_excepthook()
        _chain_exit()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork_in_child)
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            number = getattr(signal, name, None)
            if number is not None:
                _chain_signal(number)


def _end_all() -> None:
    _end_runs(_failure, patience())


def _end_runs(why: str | None, patience: float) -> None:
    """Ends all runs of this process, before it waits, for all of them together, until the tracker knows."""
    deadline = time.monotonic() + patience
    runs = [run for run in list(_kept.values()) if run._pid == os.getpid()]
    for run in runs:
        run._end("completed" if why is None else "failed", why)
    for run in runs:
        run._drain(deadline)
        forget(run)


def _fail_by(why: str) -> None:
    global _failure
    if _failure is None:
        _failure = why


def _chain_excepthook() -> None:
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        # At a prompt it goes on.
        if not hasattr(sys, "ps1"):
            _fail_by(describe(error))
        before(kind, error, trace)

    sys.excepthook = hook


def _chain_exit() -> None:
    """Nothing else tells, when a process ends, that it was by ``sys.exit`` with a code that says failure."""
    before = sys.exit

    def leave(code: Any = None, /) -> Any:
        if code not in (None, 0) and threading.current_thread() is threading.main_thread():
            _fail_by(f"exit {code}"[:500])
        before(code)

    sys.exit = leave


def _chain_signal(number: int) -> None:
    """Has a signal that would end the process end its runs first. What else handles it goes on doing so."""
    before = signal.getsignal(number)
    # Ctrl-C raises KeyboardInterrupt, which is an exception like any other; None is a handler that is not Python's.
    if (
        before in (signal.SIG_IGN, None, signal.default_int_handler)
        or _installed_signals.get(number) is before
    ):
        return

    def handle(received: int, frame: FrameType | None) -> None:
        why = f"signal {signal.Signals(received).name}"
        if callable(before):
            # A job that is told to end may save a checkpoint and end by itself; other signals may mean anything.
            if received == signal.SIGTERM:
                _fail_by(why)
            try:
                before(received, frame)
            except BaseException:
                _fail_by(why)
                raise
            return
        _end_runs(why, SIGNAL_PATIENCE)
        signal.signal(received, signal.SIG_DFL)
        os.kill(os.getpid(), received)

    try:
        signal.signal(number, handle)
        _installed_signals[number] = handle
    except (OSError, ValueError) as error:
        logger.debug("The signal %s cannot be handled: %s", number, error)


def _after_fork_in_child() -> None:
    for run in list(_kept.values()):
        try:
            run._after_fork_in_child()
        except Exception:
            logger.debug("A run could not be parted from its parent's", exc_info=True)
