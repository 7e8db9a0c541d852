"""Sending: by a clock that the test sets, to a tracker that fails as the test wants."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
import unittest
import warnings
from typing import Any
from unittest import mock

from edgerun import notices
from edgerun.delivery import GRACE, Delivery
from edgerun.errors import ApiError, EdgerunWarning, SpoolError, Unreachable
from edgerun.sender import Courier, Sender, adopted
from edgerun.spool import StreamReader, StreamWriter, streams_of
from edgerun.sync import sync
from edgerun.watch import Watch

from .fake import FakeApi, FakeClock, FakeTracker, wait_until

RUN = "01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b11"


class SenderTest(unittest.TestCase):
    def setUp(self) -> None:
        self.root = tempfile.mkdtemp(prefix="edgerun-test-")
        self.addCleanup(shutil.rmtree, self.root, True)
        self.folder = os.path.join(self.root, RUN)
        self.clock = FakeClock()
        self.tracker = FakeTracker()
        self.api = FakeApi(self.tracker)
        notices.forget()
        caught = warnings.catch_warnings(record=True)
        self.warned = caught.__enter__()
        self.addCleanup(caught.__exit__, None, None, None)
        warnings.simplefilter("always")

    def begin(self, *, rank: int = 0, attempt: int = 0, **options: Any) -> tuple[StreamWriter, Sender]:
        head = {
            "run": RUN,
            "rank": rank,
            "attempt": attempt,
            "world_size": 2,
            "role": "rank",
            "experiment": {"id": "e", "name": "digits", "owner": "alice"},
            "heartbeat_timeout": 300,
        }
        writer = StreamWriter(self.folder, head, **options)
        if rank == 0:
            writer.append_json({"kind": "create", "seed": 7, "params": {"lr": 0.1}, "tags": {}})
        stream = next(stream for stream in streams_of(self.folder) if stream.name == writer.name)
        delivery = Delivery(self.api, head, self.folder, is_live=True, clock=self.clock)
        sender = Sender(
            StreamReader(stream, writer), delivery, writer=writer, heartbeat=300, clock=self.clock
        )
        return writer, sender

    def go_on(self, sender: Sender, seconds: float) -> int:
        """Lets time pass; gives how often the sender had something to do."""
        end = self.clock.now + seconds
        steps = 0
        while self.clock.now < end and not sender.done:
            self.clock.now += max(sender.step(), 0.001)
            steps += 1
        return steps

    def always(self, error: Exception) -> None:
        def fault(method: str, path: str, body: Any) -> None:
            raise error

        self.tracker.fault = fault

    def works(self) -> None:
        self.tracker.fault = lambda method, path, body: None

    def steps_stored(self, name: str = "loss") -> list[int]:
        return sorted(int(point[2]) for point in self.tracker.points[RUN] if point[0] == name)

    def test_creates_the_run_and_stores_points_with_their_times(self) -> None:
        writer, sender = self.begin()
        writer.append({"loss": float("inf"), "lr": 0.5}, 2**60, 123)
        self.go_on(sender, 5)
        self.assertEqual(self.tracker.runs[RUN]["seed"], 7)
        self.assertEqual(
            self.tracker.points[RUN],
            {("loss", 0, str(2**60), "Infinity", 123, 0), ("lr", 0, str(2**60), 0.5, 123, 0)},
        )

    def test_stores_everything_once_after_half_an_hour_in_which_nothing_works(self) -> None:
        writer, sender = self.begin()
        generator = random.Random(5)
        faults: list[Exception] = [
            Unreachable("no route"),
            ApiError(503, "away", retry_after=1.0),
            ApiError(500, "broken"),
            ApiError(429, "too many", retry_after=60.0),
        ]

        def fault(method: str, path: str, body: Any) -> None:
            raise generator.choice(faults)

        self.tracker.fault = fault
        end = self.clock.now + 1_800
        step = 0
        while self.clock.now < end:
            self.clock.now += max(sender.step(), 0.001)
            for _ in range(40):
                writer.append({"loss": step, "accuracy": 0.5}, step, int(self.clock.now * 1_000))
                step += 1
        asked = len(self.tracker.requests)
        self.assertLess(asked, 300, "it does not hammer a tracker that is away")
        self.assertGreater(asked, 30, "and does not give up")
        self.works()
        writer.close()
        self.go_on(sender, 120)
        self.assertTrue(sender.done)
        self.assertEqual(self.steps_stored(), list(range(step)))
        self.assertEqual(self.tracker.duplicates, 0)
        self.assertEqual(os.listdir(self.root), [])

    def test_sends_the_same_again_when_only_the_answer_is_lost(self) -> None:
        writer, sender = self.begin()
        self.go_on(sender, 2)
        handle = self.tracker.handle

        def lose(method: str, path: str, body: Any) -> Any:
            handle(method, path, body)
            raise Unreachable("cut")

        self.tracker.handle = lose  # type: ignore[method-assign]
        for step in range(100):
            writer.append({"loss": step}, step, 1_000 + step)
        self.go_on(sender, 5)
        self.tracker.handle = handle  # type: ignore[method-assign]
        self.go_on(sender, 60)
        self.assertEqual(self.steps_stored(), list(range(100)))
        self.assertGreaterEqual(self.tracker.duplicates, 100)

    def test_waits_as_long_as_it_is_asked_to(self) -> None:
        writer, sender = self.begin()
        self.always(ApiError(429, "too many", retry_after=60))
        sender.step()
        before = len(self.tracker.requests)
        sender.make_haste()
        for _ in range(59):
            self.clock.now += 1
            sender.step()
        self.assertEqual(len(self.tracker.requests), before)
        self.works()
        self.go_on(sender, 20)
        self.assertIn(RUN, self.tracker.runs)

    def test_has_the_disk_take_what_waits_whatever_the_tracker_asks_for(self) -> None:
        for fault in (None, ApiError(429, "too many", retry_after=3_600), Unreachable("away")):
            shutil.rmtree(self.folder, True)
            self.works()
            writer, sender = self.begin()
            sender._clock = time.monotonic
            sender._interval = 1_000.0
            sender._last_sync = sender._next_batch = sender._not_before = time.monotonic()
            if fault is not None:
                self.always(fault)
            synced: list[int] = []
            fsync = mock.patch("edgerun.spool.os.fsync", synced.append)
            with mock.patch("edgerun.sender.SYNC_EVERY", 0.02), fsync:
                courier = Courier(sender)
                courier.start()
                wait_until(lambda: len(self.tracker.requests) > 0)
                if fault is None:
                    # The creation is sent, and what comes now has time.
                    wait_until(lambda: sender._next_batch > time.monotonic() + 100)
                for step in range(3):
                    before = len(synced)
                    writer.append({"loss": 1.0}, step, step)
                    wait_until(lambda: len(synced) > before)
                    time.sleep(0.1)
                before = len(synced)
                time.sleep(0.1)
                self.assertEqual(len(synced), before, "nothing was written")
                self.works()
                sender._not_before = 0.0
                writer.close()
                courier.hasten()
                self.assertTrue(courier.drain(time.monotonic() + 20))
            courier.join(5)

    def test_puts_what_comes_within_a_second_into_one_request(self) -> None:
        writer, sender = self.begin()
        self.go_on(sender, 3)
        before = len(self.tracker.requests)
        for step in range(1_000):
            writer.append({"loss": step}, step, step)
        self.go_on(sender, 3)
        self.assertEqual(len(self.tracker.requests), before + 1)

    def test_sends_before_its_time_when_a_lot_is_waiting(self) -> None:
        writer, sender = self.begin()
        self.go_on(sender, 3)
        sender.step()
        writer.append({"loss": 1.0}, 1, 1)
        self.assertGreater(sender.step(), 0)
        self.assertEqual(self.tracker.points[RUN], set())
        sender.nudge()
        sender.step()
        self.assertEqual(self.steps_stored(), [1])

    def test_sends_no_more_than_the_tracker_takes_at_once(self) -> None:
        writer, sender = self.begin()

        def fault(method: str, path: str, body: Any) -> None:
            if path.endswith("/metrics") and sum(len(s["steps"]) for s in body["series"]) > 300:
                raise ApiError(422, "has too many points", [{"path": "", "message": "at most 300 a call"}])

        self.tracker.fault = fault
        for step in range(2_000):
            writer.append({"loss": step, "accuracy": step}, step, step)
        self.go_on(sender, 60)
        self.assertEqual(self.steps_stored(), list(range(2_000)))
        before = len(self.tracker.requests)
        for step in range(2_000, 3_000):
            writer.append({"loss": step}, step, step)
        self.go_on(sender, 60)
        self.assertEqual(self.steps_stored(), list(range(3_000)))
        self.assertLess(len(self.tracker.requests) - before, 10, "it has learnt how many that are")

    def test_leaves_out_what_is_refused_and_nothing_else_and_says_so(self) -> None:
        writer, sender = self.begin()

        def fault(method: str, path: str, body: Any) -> None:
            if path.endswith("/metrics"):
                for series in body["series"]:
                    if series["name"] == "too many curves":
                        raise ApiError(413, "The run would have more than 100000 curves")
                    if 13 in series["steps"]:
                        raise ApiError(422, "bad")

        self.tracker.fault = fault
        for step in range(50):
            writer.append({"loss": step, "too many curves": step}, step, step)
        self.go_on(sender, 30)
        self.assertEqual(self.steps_stored(), [step for step in range(50) if step != 13])
        self.assertEqual(self.steps_stored("too many curves"), [])
        said = [str(warning.message) for warning in self.warned if warning.category is EdgerunWarning]
        self.assertEqual(len(said), 2)

    def test_keeps_what_a_wrong_key_may_not_send(self) -> None:
        writer, sender = self.begin()
        self.always(ApiError(401, "There is no such API key"))
        writer.append({"loss": 1.0}, 1, 1)
        self.go_on(sender, 600)
        self.assertLess(len(self.tracker.requests), 60)
        self.works()
        self.go_on(sender, 61)
        self.assertEqual(self.steps_stored(), [1])
        self.assertEqual(len(self.warned), 1)

    def test_takes_no_page_of_a_stranger_for_an_answer(self) -> None:
        writer, sender = self.begin()
        handle = self.tracker.handle
        self.tracker.handle = lambda method, path, body: {"ok": True}  # type: ignore[method-assign]
        writer.append({"loss": 1.0}, 1, 1)
        self.go_on(sender, 20)
        self.tracker.handle = handle  # type: ignore[method-assign]
        self.go_on(sender, 60)
        self.assertEqual(self.steps_stored(), [1])

    def test_drops_nothing_for_the_refusal_of_a_proxy(self) -> None:
        for status in (400, 403, 404, 409, 413, 422):
            with self.subTest(status=status):
                self.tracker = self.api.tracker = FakeTracker()
                writer, sender = self.begin()
                path = os.path.join(self.root, "plot")
                with open(path, "wb") as file:
                    file.write(b"plot")
                for step in range(10):
                    writer.append({"loss": step}, step, step)
                writer.append_json({"kind": "change", "change": {"tags": {"a": "b"}}})
                writer.append_json({"kind": "change", "change": {"status": "completed"}})
                writer.append_json({"kind": "artifact", "name": "plot", "path": path})
                for count in range(1, 60):
                    # Each request fails in turn, and all after it for a while.
                    left = count

                    def fault(method: str, path: str, body: Any) -> None:
                        nonlocal left
                        left -= 1
                        if left < 0:
                            raise ApiError(status, "<html>", of_tracker=False)

                    self.tracker.fault = fault
                    self.go_on(sender, 40)
                self.works()
                writer.close()
                self.go_on(sender, 100)
                run = self.tracker.runs[RUN]
                self.assertEqual((run["tags"], run["status"], run["seed"]), ({"a": "b"}, "completed", 7))
                self.assertEqual(self.steps_stored(), list(range(10)))
                self.assertEqual(list(self.tracker.files.values()), [b"plot"])
                self.assertTrue(sender.done)
        said = {str(warning.message) for warning in self.warned}
        self.assertFalse([text for text in said if "does not take" in text])

    def test_deletes_and_sends_nothing_that_is_no_copy_of_an_artifact(self) -> None:
        writer, sender = self.begin()
        path = os.path.join(self.root, "thesis")
        copy = f"files/{'0' * 32}"
        os.mkdir(os.path.join(self.folder, "files"))
        for name in (path, os.path.join(self.folder, copy)):
            with open(name, "wb") as file:
                file.write(b"mine")
        for named in (path, "../thesis", "files/../../thesis", copy):
            writer.append_json({"kind": "artifact", "name": "n", "path": named, "copied": True})
        self.go_on(sender, 10)
        self.assertTrue(os.path.exists(path))
        self.assertFalse(os.path.exists(os.path.join(self.folder, copy)))
        sent = [request for request in self.tracker.requests if request[0] == "PUT"]
        self.assertEqual(len(sent), 1)
        self.assertEqual(len(self.warned), 3)

    def test_shows_other_hosts_that_a_stream_is_written(self) -> None:
        _, sender = self.begin()
        (stream,) = streams_of(self.folder)
        os.utime(stream.path(0), (1, 1))
        self.go_on(sender, 70)
        self.assertGreater(stream.modified(), 1)

    def test_creates_the_run_first_though_the_spool_had_no_room_for_that(self) -> None:
        writer, sender = self.begin(rank=1)
        self.go_on(sender, 1)
        assert sender.delivery is not None
        sender.delivery._head = {**writer.head, "rank": 0}
        writer.append({"loss": 1.0}, 1, 1)
        writer.pending.append({"kind": "create", "seed": 7, "params": {}, "tags": {}})
        self.go_on(sender, 5)
        self.assertEqual((self.tracker.runs[RUN]["seed"], self.steps_stored()), (7, [1]))

    def test_puts_nothing_but_ids_into_the_path_of_a_request(self) -> None:
        head = {"run": "../experiments/x", "rank": 0, "attempt": 0}
        with self.assertRaises(SpoolError):
            Delivery(self.api, head, self.folder, is_live=False)
        writer = StreamWriter(self.folder, head)
        writer.close()
        writer.lock.release()
        self.assertEqual([outcome.run for outcome in sync(self.root, self.api)], ["../experiments/x"])
        self.assertEqual(self.tracker.requests, [])

    def test_has_rank_0_create_the_run_though_others_come_first(self) -> None:
        others = [self.begin(rank=rank) for rank in (1, 2)]
        for writer, sender in others:
            writer.append({"loss": 1.0}, 1, 1)
            sender.step()
        self.assertEqual(self.tracker.runs, {})
        _, first = self.begin()
        self.go_on(first, 2)
        for _, sender in others:
            self.go_on(sender, GRACE)
        self.assertEqual(self.tracker.runs[RUN]["seed"], 7)
        self.assertEqual(len(self.tracker.points[RUN]), 2)

    def test_has_another_rank_create_the_run_when_rank_0_does_not_come(self) -> None:
        writer, sender = self.begin(rank=1)
        writer.append({"loss": 1.0}, 1, 1)
        self.go_on(sender, 4 * GRACE)
        self.assertEqual(self.steps_stored(), [1])
        _, late = self.begin()
        self.go_on(late, 5)
        self.assertEqual(self.tracker.runs[RUN]["params"], {"lr": 0.1, "seed": 7})

    def test_takes_the_experiment_of_that_name_and_owner_that_is_there(self) -> None:
        for id, name, owner in (("1", "digits", "bob"), ("2", "digits", "alice"), ("3", "digits 2", "alice")):
            self.tracker.handle("POST", "/experiments", {"id": id, "name": name, "owner": owner})
        _, sender = self.begin()
        self.go_on(sender, 2)
        self.assertEqual(self.tracker.runs[RUN]["experiment"], "2")
        self.assertEqual(len(self.tracker.experiments), 3)

    def test_resumes_the_run_of_an_attempt_before(self) -> None:
        _, sender = self.begin()
        self.go_on(sender, 2)
        self.tracker.runs[RUN]["status"] = "failed"
        writer, again = self.begin(attempt=1)
        writer.append({"loss": 1.0}, 1, 1)
        self.go_on(again, 5)
        self.assertEqual(self.tracker.runs[RUN]["status"], "running")
        self.assertEqual(self.tracker.points[RUN], {("loss", 0, "1", 1.0, 1, 1)})

    def test_sends_no_attempt_to_a_tracker_that_does_not_know_them(self) -> None:
        def fault(method: str, path: str, body: Any) -> None:
            if path.endswith("/metrics") and "attempt" in body:
                raise ApiError(422, "invalid", [{"path": "attempt", "message": "unknown field"}])

        self.tracker.fault = fault
        writer, sender = self.begin(attempt=1)
        writer.append({"loss": 1.0}, 1, 1)
        self.go_on(sender, 5)
        self.assertEqual(self.steps_stored(), [1])

    def test_shows_life_while_nothing_is_logged(self) -> None:
        _, sender = self.begin()
        self.go_on(sender, 700)
        beats = [path for _, path, _ in self.tracker.requests if path.endswith("/heartbeat")]
        self.assertIn(len(beats), range(7, 11))

    def test_sets_params_that_are_not_refused(self) -> None:
        writer, sender = self.begin()
        self.go_on(sender, 2)
        writer.append_json({"kind": "change", "change": {"params": {"lr": 0.2, "b": 1}}})
        writer.append_json({"kind": "change", "change": {"status": "completed", "ended_at": 5}})
        self.go_on(sender, 5)
        run = self.tracker.runs[RUN]
        self.assertEqual((run["params"], run["status"]), ({"lr": 0.1, "b": 1}, "completed"))
        self.assertEqual(len(self.warned), 1)

    def test_tells_of_a_rank_that_was_killed_when_its_points_are_found(self) -> None:
        _, first = self.begin()
        self.go_on(first, 2)
        writer, _ = self.begin(rank=1)
        writer.append({"loss": 1.0}, 1, 1)
        stream = next(stream for stream in streams_of(self.folder) if stream.rank == 1)
        self.assertIsNone(adopted(stream, self.api, lambda head: True), "somebody is writing it")
        writer.lock.release()
        found = adopted(stream, self.api, lambda head: True)
        assert found is not None
        for _ in range(5):
            found.step()
        self.assertTrue(found.done)
        self.assertIn("attempt 0 ended without a word", self.tracker.runs[RUN]["tags"]["edgerun.rank.1"])
        self.assertEqual(self.steps_stored(), [1])

    def test_keeps_the_disk_within_bounds_while_it_sends(self) -> None:
        writer, sender = self.begin(max_bytes=200_000)
        for step in range(30_000):
            writer.append({"loss": step}, step, step)
            if step % 500 == 0:
                self.go_on(sender, 2)
        self.go_on(sender, 5)
        self.assertEqual(self.steps_stored(), list(range(30_000)))
        size = sum(os.path.getsize(os.path.join(self.folder, name)) for name in os.listdir(self.folder))
        self.assertLess(size, 200_000)

    def test_lets_256_ranks_begin_at_once_and_end_in_any_order(self) -> None:
        ranks = [self.begin(rank=rank) for rank in range(256)]
        generator = random.Random(3)
        handle = self.tracker.handle
        times: list[float] = []

        def count(method: str, path: str, body: Any) -> Any:
            times.append(self.clock.now)
            return handle(method, path, body)

        self.tracker.handle = count  # type: ignore[method-assign]
        begin = self.clock.now
        order = list(range(256))
        generator.shuffle(order)
        ends = {rank: begin + 5 + place * 0.2 for place, rank in enumerate(order)}
        due = dict.fromkeys(ends, begin)
        step = 0
        while not all(sender.done for _, sender in ranks) and self.clock.now < begin + 300:
            for rank in order:
                writer, sender = ranks[rank]
                if not writer.closed:
                    writer.append({"loss": rank}, step, step)
                    if self.clock.now > ends[rank]:
                        if rank == 0:
                            writer.append_json({"kind": "change", "change": {"status": "completed"}})
                        writer.close()
                        sender.make_haste()
                if self.clock.now >= due[rank] and not sender.done:
                    due[rank] = self.clock.now + sender.step()
            self.clock.now += 0.25
            step += 1
        self.assertTrue(all(sender.done for _, sender in ranks))
        run = self.tracker.runs[RUN]
        self.assertEqual((run["status"], run["seed"], run["params"]), ("completed", 7, {"lr": 0.1}))
        for rank in (0, 1, 100, 255):
            steps = sorted(int(point[2]) for point in self.tracker.points[RUN] if point[1] == rank)
            self.assertEqual(steps, list(range(len(steps))))
        self.assertEqual(len({point[1] for point in self.tracker.points[RUN]}), 256)
        self.assertEqual(os.listdir(self.root), [])


class WatchTest(unittest.TestCase):
    def test_tells_of_a_rank_that_shows_no_life_until_it_does_again(self) -> None:
        clock = FakeClock()
        signs: dict[int, tuple[str, float]] = {}

        class Charts(FakeApi):
            def _attempt(self, method: str, path: str, body: Any, query: Any, headers: Any) -> Any:
                series = [
                    {"rank": rank, "buckets": {"last": {"timestamp": ["", when], "value": [1, value]}}}
                    for rank, (when, value) in signs.items()
                ]
                return 200, {}, {"series": series}

        said: list[tuple[int, Any]] = []
        watch = Watch(Charts(FakeTracker()), RUN, lambda rank, text: said.append((rank, text)), clock)

        def minutes(count: int, living: list[int]) -> None:
            for _ in range(count):
                clock.now += 61
                for rank in living:
                    signs[rank] = (f"at {clock.now}", 1.0)
                watch.look()

        minutes(5, [0, 1, 2])
        signs[2] = ("at its end", 0.0)
        silent_since = signs[1][0]
        minutes(10, [0])
        self.assertEqual(said, [(1, f"no sign of life since {silent_since}")])
        minutes(2, [0, 1])
        self.assertEqual(said[1:], [(1, None)])


if __name__ == "__main__":
    unittest.main()
