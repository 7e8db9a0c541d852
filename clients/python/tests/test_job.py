"""Ranks, ids and attempts, as launchers and schedulers tell them."""

from __future__ import annotations

import unittest
import uuid

from edgerun.job import Ranks, as_uuid, derived, find_attempt, find_job, find_ranks, new_id


class RanksTest(unittest.TestCase):
    def test_come_from_whatever_launched_the_process(self) -> None:
        cases: dict[str, dict[str, str]] = {
            "torchrun": {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"},
            "OpenMPI": {
                "OMPI_COMM_WORLD_RANK": "5",
                "OMPI_COMM_WORLD_SIZE": "8",
                "OMPI_COMM_WORLD_LOCAL_RANK": "1",
            },
            "PMI": {"PMI_RANK": "5", "PMI_SIZE": "8", "MPI_LOCALRANKID": "1"},
            "SLURM": {"SLURM_PROCID": "5", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1"},
            "JAX": {"JAX_PROCESS_ID": "5", "JAX_NUM_PROCESSES": "8", "JAX_LOCAL_PROCESS_ID": "1"},
        }
        for name, environ in cases.items():
            with self.subTest(name):
                self.assertEqual(find_ranks(environ=environ), Ranks(5, 8, 1))

    def test_are_torchruns_where_slurm_has_started_it(self) -> None:
        environ = {
            "SLURM_PROCID": "1",
            "SLURM_NTASKS": "2",
            "RANK": "9",
            "WORLD_SIZE": "16",
            "LOCAL_RANK": "1",
        }
        self.assertEqual(find_ranks(environ=environ), Ranks(9, 16, 1))

    def test_are_0_of_1_where_nothing_tells_them(self) -> None:
        self.assertEqual(find_ranks(environ={}), Ranks(0, 1, 0))
        self.assertEqual(find_ranks(environ={"RANK": "", "SLURM_PROCID": "x"}), Ranks(0, 1, 0))

    def test_are_what_is_given(self) -> None:
        self.assertEqual(find_ranks(3, 4, {"RANK": "1", "WORLD_SIZE": "2"}), Ranks(3, 4, 3))
        self.assertEqual(find_ranks(3, environ={}), Ranks(3, 4, 3))
        for bad in (-1, 2**31):
            with self.assertRaises(ValueError):
                find_ranks(bad)


class JobTest(unittest.TestCase):
    def test_is_that_of_the_launcher_or_scheduler(self) -> None:
        self.assertIsNone(find_job({}))
        self.assertIsNone(find_job({"TORCHELASTIC_RUN_ID": "none"}))
        self.assertEqual(find_job({"EDGERUN_JOB": "a", "SLURM_JOB_ID": "1"}), "edgerun:a")
        self.assertEqual(find_job({"TORCHELASTIC_RUN_ID": "big"}), "torchelastic:big")
        self.assertEqual(find_job({"PBS_JOBID": "7.host"}), "pbs_jobid:7.host")

    def test_of_slurm_differs_by_task_of_an_array_and_by_step(self) -> None:
        base = {"SLURM_JOB_ID": "12", "SLURM_ARRAY_JOB_ID": "10", "SLURM_ARRAY_TASK_ID": "2"}
        jobs = {
            find_job({"SLURM_JOB_ID": "12"}),
            find_job(base),
            find_job({**base, "SLURM_ARRAY_TASK_ID": "3"}),
            find_job({**base, "SLURM_STEP_ID": "0"}),
            find_job({**base, "SLURM_STEP_ID": "1"}),
        }
        self.assertEqual(len(jobs), 5)
        # The id of a task's job is another one when it is restarted on some clusters; the array's and its number stay.
        self.assertEqual(find_job(base), find_job({**base, "SLURM_JOB_ID": "99"}))

    def test_stays_when_slurm_restarts_a_torchrun_that_makes_up_its_id(self) -> None:
        first, again = (
            find_job({"SLURM_JOB_ID": "12", "TORCHELASTIC_RUN_ID": str(uuid.uuid4())}) for _ in range(2)
        )
        self.assertEqual(first, again)
        self.assertEqual(find_job({"SLURM_JOB_ID": "12", "TORCHELASTIC_RUN_ID": "mine"}), "torchelastic:mine")


class AttemptTest(unittest.TestCase):
    def test_is_the_schedulers_count(self) -> None:
        self.assertIsNone(find_attempt({}))
        self.assertEqual(find_attempt({"TORCHELASTIC_RESTART_COUNT": "2"}), 2)
        self.assertEqual(find_attempt({"SLURM_JOB_ID": "1", "SLURM_RESTART_COUNT": "3"}), 3)
        self.assertEqual(find_attempt({"EDGERUN_ATTEMPT": "7", "SLURM_RESTART_COUNT": "3"}), 7)

    def test_grows_when_slurm_restarts_what_torchrun_restarts(self) -> None:
        base = {"SLURM_JOB_ID": "1", "TORCHELASTIC_MAX_RESTARTS": "3"}
        seen = [
            find_attempt(
                {**base, "SLURM_RESTART_COUNT": str(slurm), "TORCHELASTIC_RESTART_COUNT": str(elastic)}
            )
            for slurm in range(3)
            for elastic in range(4)
        ]
        self.assertEqual(seen, list(range(12)))
        without = {"SLURM_JOB_ID": "1", "TORCHELASTIC_MAX_RESTARTS": "3", "TORCHELASTIC_RESTART_COUNT": "2"}
        self.assertEqual(find_attempt(without), 2)


class IdTest(unittest.TestCase):
    def test_is_the_same_for_the_same_words_only(self) -> None:
        self.assertEqual(derived("job", "a", "b"), derived("job", "a", "b"))
        self.assertNotEqual(derived("job", "a", "b"), derived("job", "ab"))
        self.assertEqual(uuid.UUID(derived("job", "a")).version, 5)

    def test_of_a_run_without_a_job_is_new_and_in_order_of_time(self) -> None:
        ids = [new_id() for _ in range(1_000)]
        self.assertEqual(len(set(ids)), 1_000)
        self.assertEqual({(uuid.UUID(i).version, uuid.UUID(i).variant) for i in ids}, {(7, uuid.RFC_4122)})
        self.assertEqual([i[:13] for i in ids], sorted(i[:13] for i in ids))

    def test_may_be_written_without_dashes(self) -> None:
        self.assertEqual(as_uuid("01990D2C7A2F7C0EB1A70C5F3E8A9B10"), "01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b10")
        self.assertIsNone(as_uuid("digits"))


if __name__ == "__main__":
    unittest.main()
