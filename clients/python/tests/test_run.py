"""Runs, in processes of their own that end in every way there is."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import warnings
from typing import Any
from unittest import mock

import edgerun
from edgerun import notices
from edgerun.api import Api
from edgerun.cli import main
from edgerun.errors import Unreachable
from edgerun.sender import MOST_ADOPTED
from edgerun.spool import Lock, Stream, StreamWriter, run_folders, streams_of
from edgerun.sync import sync

from .fake import FakeServer, wait_until
from .test_spool import python_env


def refuse(method: str, path: str, body: Any) -> None:
    raise Unreachable("away")


class RunTest(unittest.TestCase):
    def setUp(self) -> None:
        self.spool = tempfile.mkdtemp(prefix="edgerun-test-")
        self.addCleanup(shutil.rmtree, self.spool, True)
        self.server = FakeServer()
        self.addCleanup(self.server.stop)
        self.tracker = self.server.tracker
        notices.forget()
        caught = warnings.catch_warnings(record=True)
        self.warned = caught.__enter__()
        self.addCleanup(caught.__exit__, None, None, None)
        warnings.simplefilter("always")

    def init(self, **options: Any) -> edgerun.Run:
        given: dict[str, Any] = {
            "uri": self.server.uri,
            "spool": self.spool,
            "system_metrics": False,
            "rank": 0,
        }
        run = edgerun.init("digits", owner="alice", **{**given, "world_size": 1, **options})
        self.addCleanup(run.finish)
        return run

    def start(
        self,
        script: str,
        *arguments: str,
        flags: list[str] = [],
        **env: str,
    ) -> subprocess.Popen[str]:
        environment = python_env(
            EDGERUN_URI=self.server.uri, EDGERUN_SPOOL=self.spool, EDGERUN_FINISH_TIMEOUT="20", **env
        )
        code = "import edgerun, os, sys, time, signal\n" + textwrap.dedent(script)
        folder = tempfile.mkdtemp(prefix="edgerun-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        path = os.path.join(folder, "script.py")
        with open(path, "w") as file:
            file.write(code)
        child = subprocess.Popen(
            [sys.executable, *flags, path, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.addCleanup(self._end, child)
        return child

    @staticmethod
    def _end(child: subprocess.Popen[str]) -> None:
        if child.poll() is None:
            child.kill()
        child.communicate()

    def run_script(self, script: str, *, code: int = 0, flags: list[str] = [], **env: str) -> str:
        """Runs a script to its end; gives what it wrote to stderr."""
        child = self.start(script, flags=flags, **env)
        out, err = child.communicate(timeout=60)
        self.assertEqual((child.returncode, out), (code, ""), err)
        return err

    def leave(self, folder: str, **head: Any) -> Stream:
        """Leaves a stream behind, as a process that was killed does."""
        given = {
            "run": folder,
            "experiment": {"id": "e", "name": "digits", "owner": "alice"},
            "rank": 0,
            "world_size": 1,
            "attempt": 0,
            "uri": self.server.uri,
            "key": "",
            "mode": "online",
            "role": "rank",
            "host": socket.gethostname(),
            **head,
        }
        writer = StreamWriter(os.path.join(self.spool, folder), given)
        writer.append_json({"kind": "create"})
        writer.append({"loss": 1.0}, 1, 1)
        writer.close()
        writer.lock.release()
        return next(stream for stream in streams_of(writer.folder) if stream.name == writer.name)

    @staticmethod
    def content(stream: Stream) -> bytes:
        """What is written of it."""
        parts = []
        for index in stream.indexes():
            with open(stream.path(index), "rb") as file:
                parts.append(file.read())
        return b"".join(parts)

    def only_run(self) -> dict[str, Any]:
        (run,) = self.tracker.runs.values()
        return run

    def steps(self, name: str = "loss", rank: int | None = None) -> list[int]:
        return sorted(
            int(step)
            for points in self.tracker.points.values()
            for found, of, step, *_ in points
            if found == name and rank in (None, of)
        )

    def left(self) -> list[str]:
        return [name for _, _, files in os.walk(self.spool) for name in files if name.endswith(".wal")]

    # A whole run

    def test_stores_what_was_logged_and_leaves_nothing_behind(self) -> None:
        with self.init(
            name="one", seed=3, params={"net": {"width": 3}, "sizes": [1, 2]}, tags={"a": "b"}
        ) as run:
            run.log({"loss": 0.5})
            run.log({"loss": 0.25}, timestamp=1_700_000_000.123)
            run.log({"loss": 0.1}, 10)
            run.log({"loss": 0.2})
            run.params["late"] = True
            run.tags.update(a="c", d=1)
            del run.tags["d"]
        found = self.only_run()
        self.assertEqual(found["params"], {"net.width": 3, "sizes": "[1, 2]", "late": True})
        self.assertEqual((found["tags"], found["name"], found["seed"]), ({"a": "c"}, "one", 3))
        self.assertEqual(found["status"], "completed")
        self.assertEqual(self.steps(), [0, 1, 10, 11])
        self.assertIn(1_700_000_000_123, {point[4] for point in self.tracker.points[run.id]})
        self.assertEqual(run.url, f"{self.server.uri}/r/{run.id}")
        self.assertEqual(self.left(), [])
        self.assertEqual([str(warning.message) for warning in self.warned], [])

    def test_logs_what_it_can_and_warns_once_of_what_it_cannot(self) -> None:
        class Tensor:
            def __float__(self) -> float:
                return 2.5

        with self.init() as run:
            for step in range(3):
                run.log({"good": Tensor(), "bad": "text", "none": None}, step)  # type: ignore[dict-item]
                run.log({"x\n": 1.0, "huge": 10**400, "good": 1}, step)
            run.log({"good": 3.0}, 1.0)  # type: ignore[arg-type]
            run.log({"good": 1.0}, "five")  # type: ignore[arg-type]
            run.log({"good": 1.0}, 2**63)
            run.log({"good": 1.0}, 7, timestamp=float("nan"))
            run.log({"good": 1.0}, 7, timestamp=1e30)
            run.log(None)  # type: ignore[arg-type]
            run.log([1, 2])  # type: ignore[arg-type]
            run.log({})
            run.params.update({"": 1, "x" * 300: 2, "fine": 3})
            run.log_artifact("/nowhere")
        self.assertEqual({point[0] for point in self.tracker.points[run.id]}, {"good"})
        self.assertEqual(self.steps("good"), [0, 0, 1, 1, 1, 2, 2])
        self.assertEqual(self.only_run()["params"], {"fine": 3})
        self.assertEqual(len(self.warned), len({str(warning.message) for warning in self.warned}))
        self.assertGreater(len(self.warned), 8)

    def test_never_raises_though_warnings_are_errors(self) -> None:
        warnings.simplefilter("error")
        run = self.init()
        run.log({"bad": "text"})  # type: ignore[dict-item]
        run.finish()
        run.log({"late": 1.0})
        run.finish("failed")
        self.assertEqual(self.only_run()["status"], "completed")

    def test_sends_what_many_have_left_a_few_at_a_time(self) -> None:
        runs = [f"00000000-0000-4000-8000-{number:012d}" for number in range(30)]
        for run_id in runs:
            # One cannot be sent at all; it stops no other one.
            self.leave(run_id, **({"experiment": None, "run": "none"} if run_id == runs[3] else {}))
        most = 0

        def fault(method: str, path: str, body: Any) -> None:
            nonlocal most
            courier = run._courier
            most = max(most, len(courier.adopted) if courier is not None else 0)

        self.tracker.fault = fault
        with self.init() as run:
            wait_until(lambda: len(self.tracker.points) == 30)
        self.assertEqual(self.steps(), [1] * 29)
        self.assertIn(most, range(1, MOST_ADOPTED + 1))
        lock = Lock.take(streams_of(os.path.join(self.spool, runs[3]))[0].lock_path)
        self.assertIsNotNone(lock, "what cannot be sent is not held")

    def test_warns_once_of_steps_and_times_that_are_none(self) -> None:
        run = self.init()
        for number in range(5):
            run.log({"loss": 1.0}, 2**63 + number)
            run.log({"loss": 1.0}, 1, timestamp=1e30 * (number + 1))
        self.assertEqual(len(self.warned), 2)

    def test_sends_nothing_that_another_user_has_left(self) -> None:
        self.leave("01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b11")
        with mock.patch("edgerun.spool.os.getuid", return_value=os.getuid() + 1), self.init() as run:
            run.log({"own": 1.0})
            outcomes = sync(self.spool, Api(self.server.uri), of_others=False)
        self.assertIn("another user", str(outcomes[0].left_because))
        self.assertEqual((self.steps("own"), self.steps()), ([0], []))
        self.init().finish()
        self.assertEqual(self.steps(), [1])

    def test_leaves_a_stream_of_another_host_that_may_be_live(self) -> None:
        stream = self.leave("01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b11", host="another")
        with self.init() as run:
            run.log({"own": 1.0})
        self.assertEqual((self.steps("own"), self.steps()), ([0], []))
        then = time.time() - 301
        os.utime(stream.path(0), (then, then))
        self.init().finish()
        self.assertEqual(self.steps(), [1])

    def test_gives_the_last_word_to_the_last_attempt(self) -> None:
        self.tracker.fault = refuse
        first = self.init(run_id="job", attempt=0, name="first", seed=1)
        first.log({"loss": 1.0}, 1)
        first.finish("failed", patience=0)
        assert first._courier is not None
        # It is let go as if its process had ended.
        first._courier.own.done = True
        first._courier.wake()
        first._courier.join(5)
        first._courier.own.let_go()
        again = self.init(run_id="job", attempt=1, name="again", seed=2)
        self.tracker.fault = lambda method, path, body: None
        wait_until(lambda: self.steps() == [1] and self.tracker.runs[again.id].get("name") == "again")
        wait_until(lambda: again._courier is not None and not again._courier.adopted)
        self.assertEqual(self.only_run()["status"], "running")
        self.assertNotIn("ended_at", self.only_run())
        again.finish()
        found = self.only_run()
        self.assertEqual((found["status"], found["name"]), ("completed", "again"))
        self.assertEqual(found.get("seed") or found["params"]["seed"], 2)

    def test_says_it_when_points_do_not_fit_into_the_spool(self) -> None:
        os.environ["EDGERUN_SPOOL_MAX_BYTES"] = "20000"
        self.addCleanup(os.environ.pop, "EDGERUN_SPOOL_MAX_BYTES")
        run = self.init(mode="offline")
        with self.assertLogs("edgerun", "ERROR") as logs:
            for step in range(1_000):
                run.log({"loss": step}, step)
        self.assertIn("limit of 20000 bytes", logs.output[0])
        run.finish()
        sync(self.spool, Api(self.server.uri))
        self.assertEqual(self.steps(), list(range(len(self.steps()))))
        lost = self.only_run()["tags"]["edgerun.lost.0"]
        self.assertEqual(len(self.steps()) + lost, 1_000)

    def test_ends_as_it_should_though_the_disk_has_become_full(self) -> None:
        err = self.run_script(
            """
            import resource
            run = edgerun.init("digits", system_metrics=False)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
            for step in range(2_000):
                run.log({"loss": step}, step)
            run.params["late"] = True
            """
        )
        found = self.only_run()
        self.assertEqual((found["status"], found["params"]), ("completed", {"late": True}))
        self.assertEqual(len(self.steps()) + found["tags"]["edgerun.lost.0"], 2_000)
        self.assertIn("Points are lost", err)
        self.assertEqual(self.left(), [])

    def test_does_not_mind_a_clock_that_jumps(self) -> None:
        now = time.time_ns()
        day = 86_400 * 10**9
        clock = mock.patch("edgerun.run.time.time_ns", side_effect=lambda: now)
        with self.init() as run, clock:
            for step in range(300):
                now += (-3 * day, day, day + 10**6)[step % 3]
                run.log({"loss": step}, step)
                time.sleep(0.005)
        self.assertEqual(self.steps(), list(range(300)))
        self.assertEqual(self.tracker.duplicates, 0)

    def test_sends_params_of_rank_0_alone(self) -> None:
        run = self.init(run_id="mine", rank=1, world_size=2)
        run.params["lr"] = 0.2
        first = self.init(run_id="mine", rank=0, world_size=2, params={"lr": 0.1})
        run.finish("failed")
        first.finish()
        found = self.only_run()
        self.assertEqual((found["params"], found["status"]), ({"lr": 0.1}, "completed"))
        self.assertEqual(found["tags"], {"edgerun.rank.1": "attempt 0 ended as failed"})
        self.assertEqual([str(warning.message) for warning in self.warned], [])

    def test_logs_files_and_folders(self) -> None:
        folder = os.path.join(self.spool, "plots")
        os.mkdir(folder)
        for name in ("a b.txt", "c.txt"):
            with open(os.path.join(folder, name), "w") as file:
                file.write(name)
        with self.init() as run:
            run.log_artifact(os.path.join(folder, "c.txt"))
            run.log_artifact(folder, "charts/x")
        self.assertEqual(
            self.tracker.files,
            {
                "e/r/artifacts/c.txt": b"c.txt",
                "e/r/artifacts/charts/x/a%20b.txt": b"a b.txt",
                "e/r/artifacts/charts/x/c.txt": b"c.txt",
            },
        )
        self.assertEqual([files for _, _, files in os.walk(self.spool) if files], [["a b.txt", "c.txt"]])

    def test_takes_what_others_call_seeds_and_names(self) -> None:
        with self.init(seed=2**63, name="n" * 300) as run:
            run.tags["gone"] = 1
            run.tags["gone"] = None
            self.assertEqual(dict(run.tags), {})
        found = self.only_run()
        self.assertEqual(
            (found["params"], found["name"], found["tags"]), ({"seed": str(2**63)}, "n" * 250, {})
        )

    def test_leaves_to_others_what_was_logged_with_another_key(self) -> None:
        script = """
            run = edgerun.init("digits", key=sys.argv[1], system_metrics=False)
            run.log({"loss": 1.0}, 1)
            os.kill(os.getpid(), signal.SIGKILL)
        """
        child = self.start(script, "er_theirs")
        child.wait(30)
        with self.init(key="er_ours"):
            pass
        self.assertEqual(len(self.left()), 1)
        with self.init(key="er_theirs"):
            pass
        self.assertEqual((self.left(), self.steps()), ([], [1]))
        for folder, _, files in os.walk(self.spool):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(b"er_ours", file.read())

    def test_logs_nothing_when_disabled(self) -> None:
        with self.init(mode="disabled", params={"a": 1}) as run:
            run.log({"loss": 1.0})
            run.tags["b"] = 2
            run.log_artifact("/nowhere")
            self.assertEqual((dict(run.params), dict(run.tags), run.url), ({"a": 1}, {"b": 2}, ""))
        self.assertEqual((self.tracker.requests, os.listdir(self.spool)), ([], []))

    def test_refuses_arguments_that_make_no_sense(self) -> None:
        for bad in (
            {"mode": "on"},
            {"uri": "tracker"},
            {"rank": -1},
            {"attempt": -1},
            {"heartbeat_timeout": 1},
        ):
            with self.assertRaises(ValueError):
                self.init(**bad)
        with self.assertRaises(ValueError):
            edgerun.init("")

    def test_keeps_what_is_logged_offline_until_it_is_synced_from_anywhere(self) -> None:
        file = os.path.join(self.spool, "notes.txt")
        with open(file, "w") as opened:
            opened.write("as it was")
        with self.init(mode="offline", run_id="mine", params={"lr": 0.1}) as run:
            run.log({"loss": 1.0}, 1, timestamp=5.0)
            run.log_artifact(file)
        os.unlink(file)
        self.assertEqual(self.tracker.requests, [])
        elsewhere = tempfile.mkdtemp(prefix="edgerun-test-")
        self.addCleanup(shutil.rmtree, elsewhere, True)
        shutil.move(os.path.join(self.spool, run.id), os.path.join(elsewhere, "copied"))
        self.assertEqual(main(["sync", "--uri", self.server.uri, elsewhere]), 0)
        found = self.only_run()
        self.assertEqual((found["status"], found["params"]), ("completed", {"lr": 0.1}))
        self.assertEqual(found["started_at"], run._config["head"]["started"])
        self.assertEqual(self.tracker.points[run.id], {("loss", 0, "1", 1.0, 5_000, 0)})
        self.assertEqual(self.tracker.files, {"e/r/artifacts/notes.txt": b"as it was"})
        self.assertEqual(main(["sync", "--uri", self.server.uri, elsewhere]), 0)

    def test_has_one_id_for_all_ranks_of_a_job_and_another_for_the_next_run(self) -> None:
        script = """
            for name in ("a", "b"):
                run = edgerun.init(name, owner="alice", system_metrics=False)
                run.log({"loss": 1.0}, run.rank)
                run.finish()
        """
        children = [
            self.start(script, SLURM_JOB_ID="7", SLURM_PROCID=str(rank), SLURM_NTASKS="4")
            for rank in range(4)
        ]
        for child in children:
            self.assertEqual(child.communicate(timeout=60), ("", ""))
        self.assertEqual(len(self.tracker.runs), 2)
        self.assertEqual(self.steps(), [0, 0, 1, 1, 2, 2, 3, 3])
        self.assertEqual({run["status"] for run in self.tracker.runs.values()}, {"completed"})

    def test_counts_attempts_in_the_spool_where_nothing_else_does(self) -> None:
        for _ in range(2):
            with self.init(run_id="mine") as run:
                run.log({"loss": 1.0}, 1, timestamp=1.0)
        self.assertEqual({point[5] for point in self.tracker.points[run.id]}, {0, 1})

    # How a process may end

    def test_is_completed_when_the_process_ends_and_failed_when_it_fails(self) -> None:
        begin = 'run = edgerun.init("digits", system_metrics=False); run.log({"loss": 1.0}, 1)\n'
        cases = [
            ("", 0, "completed", None),
            ("sys.exit(0)", 0, "completed", None),
            ("sys.exit(3)", 3, "failed", "exit 3"),
            ('raise RuntimeError("out of\\nmemory")', 1, "failed", "RuntimeError: out of memory"),
            ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", -15, "failed", "signal SIGTERM"),
            ("os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", -2, "failed", "KeyboardInterrupt"),
            ("with run: raise ValueError('x')", 1, "failed", "ValueError: x"),
            ("with run: sys.exit()", 0, "completed", None),
        ]
        for end, code, status, why in cases:
            with self.subTest(end):
                self.tracker.runs.clear()
                self.run_script(begin + end, code=code)
                run = self.only_run()
                self.assertEqual((run["status"], run["tags"].get("edgerun.failure")), (status, why))
        self.assertEqual(self.left(), [])

    def test_calls_the_handlers_that_were_there(self) -> None:
        err = self.run_script(
            """
            signal.signal(signal.SIGTERM, lambda *_: (print("saving", file=sys.stderr), sys.exit(9)))
            before = sys.excepthook
            run = edgerun.init("digits", system_metrics=False)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
            """,
            code=9,
        )
        self.assertEqual(err, "saving\n")
        self.assertEqual(self.only_run()["tags"]["edgerun.failure"], "signal SIGTERM")

    def test_loses_nothing_that_was_logged_before_a_kill(self) -> None:
        script = """
            run = edgerun.init("digits", run_id="mine", system_metrics=False)
            for step in range(int(sys.argv[1]), int(sys.argv[2])):
                run.log({"loss": step}, step)
                if step == int(sys.argv[2]) - 1 and step < 2_000: os.kill(os.getpid(), signal.SIGKILL)
        """
        child = self.start(script, "0", "1000")
        self.assertEqual(child.wait(60), -9)
        child = self.start(script, "1000", "2500")
        self.assertEqual(child.wait(60), 0)
        self.assertEqual(self.steps(), list(range(2_500)))
        self.assertEqual(self.only_run()["status"], "completed")
        self.assertEqual(self.left(), [])

    def test_ends_in_time_without_a_tracker_and_says_what_to_do(self) -> None:
        self.server.stop()
        begin = time.monotonic()
        err = self.run_script(
            """
            os.environ["EDGERUN_FINISH_TIMEOUT"] = "1"
            run = edgerun.init("digits", system_metrics=False)
            run.log({"loss": 1.0})
            """
        )
        self.assertLess(time.monotonic() - begin, 15)
        self.assertIn("edgerun sync", err)
        self.assertEqual(err.count("edgerun sync"), 1)

    def test_writes_how_all_its_runs_ended_before_it_waits_for_one(self) -> None:
        self.tracker.fault = refuse
        child = self.start(
            """
            for name in ("first", "second"):
                edgerun.init("digits", name=name, system_metrics=False).log({"loss": 1.0})
            """
        )

        def ends() -> int:
            streams = [stream for folder in run_folders(self.spool) for stream in streams_of(folder)]
            return sum(self.content(stream).count(b'"end"') for stream in streams)

        wait_until(lambda: ends() == 2)
        self.assertIsNone(child.poll())
        child.kill()
        child.wait(10)
        self.tracker.fault = lambda method, path, body: None
        sync(self.spool, Api(self.server.uri), of_others=False)
        ended = {run["name"]: run["status"] for run in self.tracker.runs.values()}
        self.assertEqual(ended, {"first": "completed", "second": "completed"})

    def test_begins_a_run_for_each_process_of_a_job_that_has_completed_one(self) -> None:
        script = """
        with edgerun.init("digits", params={"lr": sys.argv[1]}, system_metrics=False) as run:
            run.log({"loss": 1.0})
            if len(sys.argv) > 2: os.kill(os.getpid(), signal.SIGKILL)
        """
        for arguments, code in ((["0.1"], 0), (["0.2", "die"], -9), (["0.2"], 0), (["0.3"], 0)):
            self.assertEqual(self.start(script, *arguments, SLURM_JOB_ID="77").wait(60), code)
        self.assertEqual(
            sorted(run["params"]["lr"] for run in self.tracker.runs.values()), ["0.1", "0.2", "0.3"]
        )
        # When it is started again, it goes on with all of them.
        for lr in ("0.1", "0.2", "0.3"):
            child = self.start(script, lr, SLURM_JOB_ID="77", SLURM_RESTART_COUNT="1")
            self.assertEqual(child.wait(60), 0)
        self.assertEqual(len(self.tracker.runs), 3)

    def test_is_completed_after_a_signal_that_was_none_to_end(self) -> None:
        self.run_script(
            """
            signal.signal(signal.SIGHUP, lambda *_: None)
            run = edgerun.init("digits", system_metrics=False)
            os.kill(os.getpid(), signal.SIGHUP)
            """
        )
        self.assertEqual(self.only_run()["status"], "completed")

    def test_fails_by_an_exception_that_cannot_say_what_it_is(self) -> None:
        script = """
        class Odd(Exception):
            def __str__(self): return self.nothing
        run = edgerun.init("digits", system_metrics=False)
        raise Odd
        """
        self.run_script(script, code=1)
        self.assertEqual(self.only_run()["status"], "failed")
        self.assertEqual(self.only_run()["tags"]["edgerun.failure"], "Odd")

    def test_counts_on_after_a_step_that_is_none(self) -> None:
        run = self.init()
        run.log({"loss": 1.0}, 5)
        for odd in (float("nan"), 2**70):
            run.log({"loss": 1.0}, odd)  # type: ignore[arg-type]
        run.log({"loss": 1.0})
        run.finish()
        self.assertEqual(self.steps(), [5, 6])

    def test_ends_as_failed_where_its_status_is_none(self) -> None:
        self.init().finish("success")
        self.assertEqual(self.only_run()["status"], "failed")
        self.assertIn("'success' is none of them", str(self.warned[0].message))

    def test_does_not_wait_again_when_its_waiting_was_interrupted(self) -> None:
        self.tracker.fault = refuse
        run = self.init()
        run.log({"loss": 1.0})
        assert run._courier is not None
        with mock.patch.object(run._courier, "drain", side_effect=KeyboardInterrupt) as drain:
            with self.assertRaises(KeyboardInterrupt):
                run.finish()
            run.finish()
            self.assertEqual(drain.call_count, 1)

    def test_goes_on_waiting_when_a_signal_comes_while_it_waits(self) -> None:
        self.tracker.fault = refuse
        child = self.start(
            """
            run = edgerun.init("digits", system_metrics=False)
            run.log({"loss": 1.0})
            print("waits", flush=True)
            run.finish()
            """
        )
        assert child.stdout is not None
        self.assertEqual(child.stdout.readline(), "waits\n")
        time.sleep(0.5)
        child.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        self.tracker.fault = lambda method, path, body: None
        self.assertEqual(child.wait(60), -signal.SIGTERM)
        self.assertEqual(self.only_run()["status"], "completed")

    def test_does_not_wait_for_what_others_cannot_send(self) -> None:
        self.leave("01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b11", experiment={"id": "gone"})

        def fault(method: str, path: str, body: Any) -> None:
            if "gone" in path:
                raise Unreachable("away")

        self.tracker.fault = fault
        run = self.init()
        run.log({"loss": 1.0})
        begin = time.monotonic()
        run.finish(patience=40)
        self.assertLess(time.monotonic() - begin, 20)
        self.assertEqual(self.tracker.runs[run.id]["status"], "completed")

    def test_is_one_run_in_a_process_however_often_it_is_handed_over(self) -> None:
        text = pickle.dumps(self.init())
        first, second = pickle.loads(text), pickle.loads(text)
        self.addCleanup(first.finish)
        self.assertIs(first, second)
        first.finish()
        third = pickle.loads(text)
        self.addCleanup(third.finish)
        self.assertIsNot(third, first)

    def test_leaves_out_files_of_a_folder_that_cannot_be_read(self) -> None:
        folder = os.path.join(self.spool, "given")
        os.makedirs(folder)
        os.mkfifo(os.path.join(folder, "pipe"))
        os.symlink("/nowhere", os.path.join(folder, "latest"))
        with open(os.path.join(folder, "weights"), "w") as file:
            file.write("w")
        run = self.init()
        run.log_artifact(folder, "out")
        run.finish()
        self.assertEqual([name.rpartition("artifacts/")[2] for name in self.tracker.files], ["out/weights"])
        self.assertEqual(len(self.warned), 2)

    def test_says_what_is_wrong_with_an_address_a_key_and_params(self) -> None:
        for options, said in (
            ({"heartbeat_timeout": 60.5}, "whole seconds"),
            ({"uri": "http://127.0.0.1:abc"}, "host and port"),
            ({"uri": "http://127.0.0.1:99999"}, "host and port"),
            ({"params": ["lr"]}, "a mapping"),
            ({"key": "er_a b"}, "no key has"),
        ):
            with self.assertRaisesRegex(ValueError, said):
                self.init(**options)
        run = self.init(key=" er_a\n")
        assert run._courier is not None and run._courier.own.delivery is not None
        self.assertEqual(run._courier.own.delivery._api._key, "er_a")

    def test_waits_once_for_a_tracker_that_does_not_answer(self) -> None:
        self.tracker.fault = refuse
        with self.init() as run:
            run.log({"loss": 1.0})
            run.finish(patience=0.2)
            begin = time.monotonic()
        self.assertLess(time.monotonic() - begin, 15)
        self.assertEqual(len(self.warned), 1)

    def test_works_without_assertions_and_docstrings_and_says_nothing(self) -> None:
        err = self.run_script(
            """
            with edgerun.init("digits") as run:
                run.log({"loss": 1.0}, 1)
            from edgerun.cli import parser
            parser().parse_args(["sync"])
            """,
            flags=["-OO", "-X", "dev", "-W", "error"],
        )
        self.assertEqual(err, "")
        self.assertEqual(self.steps(), [1])

    # Other processes and threads

    def test_has_a_stream_of_its_own_in_each_child_that_is_forked(self) -> None:
        err = self.run_script(
            """
            run = edgerun.init("digits", system_metrics=False)
            run.log({"loss": 0}, 0)
            children = []
            for n in range(1, 5):
                pid = os.fork()
                if pid == 0:
                    for step in range(n * 100, n * 100 + 100):
                        run.log({"loss": step}, step)
                    if n % 2: run.finish()
                    os._exit(0)
                children.append(pid)
            for pid in children:
                os.waitpid(pid, 0)
            run.log({"loss": 1}, 1)
            """,
            flags=["-W", "ignore::DeprecationWarning"],
        )
        self.assertEqual(err, "")
        self.assertEqual(self.steps(), [0, 1, *range(100, 500)])
        self.assertEqual((self.only_run()["status"], self.only_run()["tags"]), ("completed", {}))
        self.assertEqual(self.left(), [])

    def test_logs_from_processes_of_multiprocessing_however_they_are_started(self) -> None:
        for method in ("fork", "spawn", "forkserver"):
            with self.subTest(method):
                self.tracker.runs.clear()
                self.tracker.points.clear()
                err = self.run_script(
                    f"""
                    import multiprocessing
                    def work(run, n):
                        for step in range(n * 10, n * 10 + 10):
                            run.log({{"loss": step}}, step)
                    if __name__ == "__main__":
                        context = multiprocessing.get_context({method!r})
                        run = edgerun.init("digits", system_metrics=False)
                        children = [context.Process(target=work, args=(run, n)) for n in range(3)]
                        for child in children: child.start()
                        for child in children: child.join()
                        assert not any(child.exitcode for child in children)
                    """,
                    flags=["-W", "ignore::DeprecationWarning"],
                )
                self.assertEqual(err, "")
                self.assertEqual(self.steps(), list(range(30)))
                self.assertEqual(self.only_run()["status"], "completed")

    def test_logs_from_many_threads(self) -> None:
        self.run_script(
            """
            import threading
            run = edgerun.init("digits", system_metrics=False)
            def work(n):
                for step in range(n * 1_000, n * 1_000 + 1_000):
                    run.log({"loss": step, f"of {n}": step}, step)
            threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            """
        )
        self.assertEqual(self.steps(), list(range(8_000)))

    def test_opens_nothing_in_a_child_that_does_not_log_and_is_ended(self) -> None:
        self.run_script(
            """
            import multiprocessing
            run = edgerun.init("digits", system_metrics=False)
            child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
            child.start()
            time.sleep(0.3)
            child.terminate()
            child.join(10)
            run.params["exit"] = child.exitcode
            """,
            flags=["-W", "ignore::DeprecationWarning"],
        )
        run = self.only_run()
        self.assertEqual((run["params"], run["tags"], run["status"]), ({"exit": -15}, {}, "completed"))

    def test_can_be_sent_to_another_process(self) -> None:
        run = self.init(run_id="mine")
        other = pickle.loads(pickle.dumps(run))
        other.log({"loss": 1.0}, 1)
        other.finish()
        self.assertEqual((other.id, self.steps()), (run.id, [1]))
        self.assertEqual(self.only_run()["status"], "running")

    def test_logs_from_a_signal_handler_that_comes_at_any_moment(self) -> None:
        self.run_script(
            """
            run = edgerun.init("digits", system_metrics=False)
            import itertools
            ticks = itertools.count()
            def handle(*_):
                tick = next(ticks)
                run.log({"tick": tick}, tick)
            signal.signal(signal.SIGALRM, handle)
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            for step in range(30_000):
                run.log({"loss": step}, step)
            signal.setitimer(signal.ITIMER_REAL, 0)
            run.params["ticks"] = next(ticks)
            """
        )
        self.assertEqual(self.steps(), list(range(30_000)))
        self.assertEqual(self.steps("tick"), list(range(self.only_run()["params"]["ticks"])))

    def test_tells_of_a_rank_that_was_killed(self) -> None:
        script = """
            run = edgerun.init("digits", owner="alice", system_metrics=False)
            run.log({"loss": 1.0}, run.rank)
            print("logged", flush=True)
            sys.stdin.read() if run.rank == 0 else time.sleep(60)
        """
        first, second = (
            self.start(script, EDGERUN_JOB="j", WORLD_SIZE="2", RANK=rank) for rank in ("0", "1")
        )
        for child in (first, second):
            assert child.stdout is not None
            self.assertEqual(child.stdout.readline(), "logged\n")
        wait_until(lambda: len(self.steps()) == 2, 60)
        second.send_signal(signal.SIGKILL)
        second.wait()
        first.send_signal(signal.SIGTERM)
        first.wait(30)
        self.assertIn("ended without a word", self.only_run()["tags"]["edgerun.rank.1"])
        self.assertEqual(self.only_run()["status"], "failed")
        self.assertEqual(self.left(), [])


if __name__ == "__main__":
    unittest.main()
