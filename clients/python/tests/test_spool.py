"""The spool: what was appended is read, once, whatever happens to the file."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

from edgerun.errors import SpoolError
from edgerun.spool import (
    Attempts,
    Chunk,
    Lock,
    Stream,
    StreamReader,
    StreamWriter,
    frames,
    run_folders,
    streams_of,
    tidy_folder,
)

HEAD = {"run": "r", "rank": 0, "attempt": 0, "world_size": 1}


def all_chunks(reader: StreamReader, most: int = 1_000) -> list[Chunk]:
    chunks: list[Chunk] = []
    while True:
        before = reader.position
        chunk = reader.read(most)
        if chunk.empty:
            if chunk.end != before:
                reader.advance(chunk.end)
            return chunks
        chunks.append(chunk)
        reader.advance(chunk.end)


def points_of(chunks: list[Chunk]) -> list[tuple[str, int, float, int]]:
    return [
        (name, *point)
        for chunk in chunks
        for name, columns in chunk.series.items()
        for point in zip(*columns)
    ]


class SpoolTest(unittest.TestCase):
    def setUp(self) -> None:
        self.root = tempfile.mkdtemp(prefix="edgerun-test-")
        self.addCleanup(shutil.rmtree, self.root, True)
        self.folder = os.path.join(self.root, "r")

    def writer(self, head: dict[str, object] | None = None, **options: int) -> StreamWriter:
        return StreamWriter(self.folder, head or HEAD, **options)  # type: ignore[arg-type]

    def stream(self) -> Stream:
        return streams_of(self.folder)[0]

    def test_gives_what_was_appended_in_the_order_in_which_it_was(self) -> None:
        writer = self.writer()
        writer.append_json({"kind": "create"})
        writer.append({"loss": 0.5, "accuracy": float("nan")}, 1, 1_000)
        writer.append({"loss": -0.0}, 2**63 - 1, -5)
        writer.append_json({"kind": "end"})
        writer.close()
        chunks = all_chunks(StreamReader(self.stream(), writer))
        self.assertEqual([chunk.action and chunk.action["kind"] for chunk in chunks], ["create", "end"])
        series = chunks[1].series
        self.assertEqual(str(series["loss"]), str(([1, 2**63 - 1], [0.5, -0.0], [1_000, -5])))
        self.assertEqual(str(series["accuracy"]), str(([1], [float("nan")], [1_000])))

    def test_goes_on_where_the_tracker_has_it(self) -> None:
        writer = self.writer()
        for step in range(10):
            writer.append({"a": step, "b": 1.0}, step, step)
        reader = StreamReader(self.stream(), writer)
        reader.advance(reader.read(8).end)
        reader.close()
        again = StreamReader(self.stream(), writer)
        self.assertEqual(
            [point for point in points_of(all_chunks(again)) if point[0] == "a"],
            [("a", step, float(step), step) for step in range(4, 10)],
        )

    def test_loses_nothing_to_segments_and_deletes_those_that_were_sent(self) -> None:
        writer = self.writer(segment_bytes=4_096)
        reader = StreamReader(self.stream(), writer)
        found: list[tuple[str, int, float, int]] = []
        for step in range(3_000):
            writer.append({f"m{step % 7}": step, "all": step}, step, step)
            if step % 50 == 0:
                writer.rotate()
            if step % 333 == 0:
                found += points_of(all_chunks(reader, most=100))
        writer.close()
        self.assertGreater(self.stream().indexes()[-1], 5)
        found += points_of(all_chunks(reader, most=100))
        self.assertEqual(sorted(p[1] for p in found if p[0] == "all"), list(range(3_000)))
        self.assertEqual(len(found), 6_000)
        self.assertTrue(reader.finished())
        self.assertEqual(len(self.stream().indexes()), 1)

    def test_loses_nothing_where_a_segment_cannot_be_opened_at_first(self) -> None:
        for last in (False, True):
            shutil.rmtree(self.folder, True)
            writer = self.writer(segment_bytes=4_096)
            reader = StreamReader(self.stream(), writer)
            for step in range(200):
                writer.append({"a": 1.0}, step, step)
            found = points_of(all_chunks(reader))
            writer.rotate()
            writer.append({"a": 1.0}, 200, 200)
            if last:
                writer.close()
            with mock.patch("edgerun.spool.os.open", side_effect=OSError(errno.EMFILE, "too many")):
                with self.assertRaises(OSError):
                    all_chunks(reader)
                self.assertFalse(reader.finished())
            if not last:
                for step in range(201, 500):
                    writer.append({"a": 1.0}, step, step)
                writer.rotate()
                writer.close()
            found += points_of(all_chunks(reader))
            self.assertEqual([point[1] for point in found], list(range(201 if last else 500)))
            self.assertTrue(reader.finished())

    def test_takes_points_of_many_threads_while_it_is_rotated_and_read(self) -> None:
        writer = self.writer(segment_bytes=4_096)
        reader = StreamReader(self.stream(), writer)
        threads, each = 8, 2_000

        def write(thread: int) -> None:
            for step in range(each):
                writer.append({f"t{thread}": step, f"s{step % 5}": thread}, step, 0)

        working = [threading.Thread(target=write, args=(n,)) for n in range(threads)]
        for thread in working:
            thread.start()
        found: list[tuple[str, int, float, int]] = []
        while any(thread.is_alive() for thread in working):
            writer.rotate()
            found += points_of(all_chunks(reader, most=500))
        writer.close()
        found += points_of(all_chunks(reader, most=500))
        self.assertTrue(reader.finished())
        for n in range(threads):
            self.assertEqual([p[1] for p in found if p[0] == f"t{n}"], list(range(each)))
        self.assertEqual(len(found), 2 * threads * each)

    def test_sends_nothing_of_a_frame_that_was_cut_off_anywhere(self) -> None:
        writer = self.writer()
        for step in range(5):
            writer.append({"a": step, "b": step}, step, step)
        writer.close()
        path = self.stream().path(0)
        with open(path, "rb") as file:
            whole = file.read()
        for length in range(len(whole)):
            with open(path, "wb") as file:
                file.write(whole[:length])
            reader = StreamReader(self.stream())
            points = points_of(all_chunks(reader))
            self.assertTrue(reader.finished())
            reader.close()
            if os.path.exists(self.stream().ack_path):
                os.unlink(self.stream().ack_path)
            self.assertEqual(
                [p for p in points if p[0] == "a"], [("a", s, float(s), s) for s in range(len(points) // 2)]
            )

    def test_finds_all_that_is_sound_around_what_is_damaged(self) -> None:
        generator = random.Random(8)
        for trial in range(150):
            shutil.rmtree(self.folder, True)
            writer = self.writer()
            for step in range(30):
                writer.append({"a": step, f"b{step % 3}": step}, step, step)
            writer.close()
            path = self.stream().path(0)
            with open(path, "rb") as file:
                data = bytearray(file.read())
            sound = {at for at, payload in frames(bytes(data)) if payload[:1] == b"P"}
            at = generator.randrange(len(data))
            size = generator.choice([1, 1, 3, 40])
            kind = trial % 3
            if kind == 0:
                data[at : at + size] = bytes(b ^ generator.randrange(1, 256) for b in data[at : at + size])
            elif kind == 1:
                data[at:at] = (
                    generator.randbytes(size) if hasattr(generator, "randbytes") else b"\xed\x9e" * size
                )
            else:
                del data[at : at + size]
            with open(path, "wb") as file:
                file.write(data)
            left = sum(payload[:1] == b"P" for _, payload in frames(bytes(data)))
            reader = StreamReader(self.stream())
            found = points_of(all_chunks(reader, most=7))
            self.assertTrue(reader.finished())
            for name, step, value, moment in found:
                self.assertEqual((value, moment), (float(step), step), name)
            self.assertEqual(len(found), len(set(found)))
            lost_schema = 2 * left - len(found)
            self.assertGreaterEqual(left, len(sound) - 3)
            self.assertGreaterEqual(lost_schema, 0)
            self.assertLessEqual(lost_schema, 2 * 10, "at most the points of one schema go with it")

    def test_goes_past_what_a_loss_of_power_leaves_at_the_end(self) -> None:
        writer = self.writer()
        writer.append({"a": 1.0}, 1, 1)
        writer.close()
        with open(self.stream().path(0), "ab") as file:
            file.write(bytes(3 * 1024 * 1024))
        reader = StreamReader(self.stream())
        self.assertEqual(points_of(all_chunks(reader)), [("a", 1, 1.0, 1)])
        self.assertTrue(reader.finished())

    def test_waits_for_the_rest_of_a_frame_that_is_being_written(self) -> None:
        writer = self.writer()
        writer.append({"a": 1.0}, 1, 1)
        path = self.stream().path(0)
        with open(path, "rb") as file:
            whole = file.read()
        os.truncate(path, len(whole) - 3)
        reader = StreamReader(self.stream(), writer)
        self.assertEqual(points_of(all_chunks(reader)), [])
        with open(path, "ab") as file:
            file.write(whole[-3:])
        self.assertEqual(points_of(all_chunks(reader)), [("a", 1, 1.0, 1)])

    def test_begins_anew_where_the_place_was_lost(self) -> None:
        writer = self.writer()
        writer.append({"a": 1.0}, 1, 1)
        writer.close()
        reader = StreamReader(self.stream())
        self.assertEqual(len(all_chunks(reader)), 1)
        reader.close()
        with open(self.stream().ack_path, "r+b") as file:
            file.seek(12)
            file.write(b"\xff")
        self.assertEqual(len(all_chunks(StreamReader(self.stream()))), 1)

    def test_keeps_frames_that_are_longer_than_what_is_read_at_a_time(self) -> None:
        writer = self.writer()
        metrics = {f"{'m' * 100}{n}": float(n) for n in range(20_000)}
        writer.append(metrics, 1, 1)
        writer.append_json({"kind": "create", "params": {"a": "x" * 3_000_000}})
        writer.append({"a": 1.0}, 2, 2)
        chunks = all_chunks(StreamReader(self.stream(), writer), most=5_000)
        self.assertEqual([chunk.points for chunk in chunks], [20_000, 0, 1])

    def test_writes_what_is_too_long_for_a_frame_in_pieces(self) -> None:
        writer = self.writer()
        named = {str(number): "\u0436" * 6_000 for number in range(260)}
        writer.append_json({"kind": "create", "seed": 1, "params": named, "tags": named})
        writer.append_json({"kind": "change", "change": {"status": "completed", "tags": named}})
        writer.append({"a": 1.0}, 1, 1)
        with self.assertRaisesRegex(SpoolError, "bytes"):
            writer.append_json({"kind": "change", "change": {"tags": {"a": "x" * 9_000_000}}})
        with self.assertRaisesRegex(SpoolError, "bytes"):
            writer.append_json({"kind": "artifact", "name": "x" * 9_000_000})
        chunks = all_chunks(StreamReader(self.stream(), writer))
        self.assertEqual(sum(chunk.damaged for chunk in chunks), 0)
        first, *others = [chunk.action for chunk in chunks if chunk.action is not None]
        self.assertEqual(first, {"kind": "create", "seed": 1})
        found: dict[str, object] = {"params": {}, "tags": {}}
        for action in others:
            for key, value in action["change"].items():
                if isinstance(value, dict):
                    found[key].update(value)  # type: ignore[attr-defined]
                else:
                    found[key] = value
        self.assertEqual(found, {"params": named, "tags": named, "status": "completed"})
        self.assertEqual(points_of(chunks), [("a", 1, 1.0, 1)])

    def test_says_when_its_limit_is_reached_and_goes_on_when_there_is_room(self) -> None:
        writer = self.writer(max_bytes=20_000)
        reader = StreamReader(self.stream(), writer)
        kept = 0
        with self.assertRaisesRegex(SpoolError, "limit of 20000 bytes"):
            for step in range(10_000):
                writer.append({"a": 1.0, "b": 2.0}, step, step)
                kept += 1
        self.assertLess(os.path.getsize(self.stream().path(0)), 20_200)
        writer.rotate()
        self.assertEqual(len(points_of(all_chunks(reader))), 2 * kept)
        writer.set_marks(reader.position.offset, reader.disk_bytes())
        writer.append({"a": 1.0}, 1, 1)

    @unittest.skipUnless(hasattr(resource, "RLIMIT_FSIZE"), "needs limits of resources")
    def test_sends_nothing_half_written_when_the_disk_is_full(self) -> None:
        script = (
            "import resource, sys\n"
            "from edgerun.spool import StreamWriter\n"
            "writer = StreamWriter(sys.argv[1], {'rank': 0, 'attempt': 0, 'run': 'r'})\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))\n"
            "kept = []\n"
            "for step in range(100):\n"
            "    if step == 60: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))\n"
            "    try:\n"
            "        writer.append({'a': step, 'b': step}, step, step)\n"
            "        kept.append(step)\n"
            "    except Exception: pass\n"
            "print(*kept)\n"
        )
        out = subprocess.run(
            [sys.executable, "-c", script, self.folder],
            check=True,
            capture_output=True,
            text=True,
            env=python_env(),
        ).stdout
        kept = [int(step) for step in out.split()]
        self.assertIn(99, kept)
        self.assertNotIn(59, kept)
        found = points_of(all_chunks(StreamReader(self.stream())))
        self.assertEqual([p[1] for p in found if p[0] == "a"], kept)

    def test_keeps_all_of_a_process_that_is_killed(self) -> None:
        script = (
            "import sys\n"
            "from edgerun.spool import StreamWriter\n"
            "writer = StreamWriter(sys.argv[1], {'rank': 0, 'attempt': 0, 'run': 'r'})\n"
            "step = 0\n"
            "while True:\n"
            "    writer.append({'a': step}, step, step)\n"
            "    sys.stdout.write('%d\\n' % step); sys.stdout.flush()\n"
            "    step += 1\n"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", script, self.folder], stdout=subprocess.PIPE, text=True, env=python_env()
        )
        stdout = child.stdout
        assert stdout is not None
        lines = [stdout.readline() for _ in range(500)]
        self.assertIsNone(Lock.take(self.stream().lock_path))
        child.send_signal(signal.SIGKILL)
        lines += stdout.readlines()
        stdout.close()
        child.wait()
        last = int([line for line in lines if line.endswith("\n")][-1])
        lock = Lock.take(self.stream().lock_path)
        self.assertIsNotNone(lock)
        found = [p[1] for p in points_of(all_chunks(StreamReader(self.stream())))]
        self.assertGreaterEqual(found[-1], last)
        self.assertEqual(found, list(range(len(found))))

    def test_counts_attempts(self) -> None:
        attempts = Attempts(self.folder, 3)
        self.assertEqual([attempts.next(), attempts.next(), Attempts(self.folder, 4).next()], [0, 1, 0])
        tidy_folder(self.folder)
        self.assertEqual(Attempts(self.folder, 3).next(), 2)

    def test_finds_streams_in_a_spool_and_in_the_folder_of_a_run(self) -> None:
        self.writer()
        self.writer({**HEAD, "rank": 2})
        self.assertEqual(run_folders(self.root), [self.folder])
        self.assertEqual(run_folders(self.folder), [self.folder])
        self.assertEqual([stream.rank for stream in streams_of(self.folder)], [0, 2])
        self.assertEqual(run_folders(os.path.join(self.root, "none")), [])


def python_env(**more: str) -> dict[str, str]:
    """The environment in which a process finds this package, and nothing of a job."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("EDGERUN_", "SLURM_", "TORCHELASTIC_", "OMPI_", "PMI", "JAX_"))
        and name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    }
    return {**kept, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1", **more}


if __name__ == "__main__":
    unittest.main()
