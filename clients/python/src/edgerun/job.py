"""What the environment tells of the job that a process belongs to: its rank, its id, and which attempt it is.

Processes of one job never talk to each other about their run. All of them derive the same id from the job's.
"""

from __future__ import annotations

import os
import re
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

#: The namespace of all ids that are derived here (RFC 9562, version 5). Another one would split runs in two.
NAMESPACE = uuid.UUID("7d2f3c0a-5b1e-5c4e-9a53-0e6b7d1f8c24")

#: Variables with the rank, the number of ranks and the rank within the machine, by launcher. The first that is there counts.
_LAUNCHERS: tuple[tuple[str, str, str], ...] = (
    ("EDGERUN_RANK", "EDGERUN_WORLD_SIZE", "EDGERUN_LOCAL_RANK"),
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("PMIX_RANK", "PMIX_SIZE", "PMIX_LOCAL_RANK"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK"),
    ("JAX_PROCESS_ID", "JAX_NUM_PROCESSES", "JAX_LOCAL_PROCESS_ID"),
    ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"),
)

#: Variables with an id of the job, other than those of torchrun and SLURM, which are combined.
_JOB_IDS = (
    "PBS_JOBID",
    "LSB_JOBID",
    "FLUX_JOB_ID",
    "COBALT_JOBID",
    "JOB_COMPLETION_ID",
    "TRAINING_JOB_NAME",
    "AZUREML_RUN_ID",
    "CLOUD_ML_JOB_ID",
    "RAY_JOB_ID",
    "PMIX_NAMESPACE",
)

_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Ranks:
    """Which process of how many this one is."""

    rank: int
    world_size: int
    local_rank: int


def _integer(environ: Mapping[str, str], name: str) -> int | None:
    value = environ.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() else None


def find_ranks(
    rank: int | None = None,
    world_size: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Ranks:
    """The rank of this process: as given, or as whatever launched it says; 0 of 1 where nothing does.

    SLURM comes last: inside an allocation it describes the task that started a launcher, not what that launched.
    """
    found: tuple[int | None, int | None, int | None] = (None, None, None)
    for names in _LAUNCHERS:
        values = tuple(_integer(environ, name) for name in names)
        if values[0] is not None:
            found = (values[0], values[1], values[2])
            break
    own = found[0] or 0 if rank is None else rank
    size = found[1] or 1 if world_size is None else world_size
    if own < 0 or own >= 2**31:
        raise ValueError(f"A rank is from 0 to {2**31 - 1}, not {own}")
    # A rank that was given says nothing of the machine; it is its own neighbour then.
    local = found[2] if found[2] is not None and (rank is None or rank == found[0]) else own
    return Ranks(own, max(size, own + 1), local)


def find_job(environ: Mapping[str, str] = os.environ) -> str | None:
    """An id that all processes of this job have, and that it keeps when it is restarted; None where there is none.

    torchrun makes up a random id where it is told none (``--standalone``), so SLURM's goes before a random one: it
    stays when the job is put into the queue again.
    """
    own = environ.get("EDGERUN_JOB")
    if own:
        return f"edgerun:{own}"
    elastic = environ.get("TORCHELASTIC_RUN_ID")
    if elastic in (None, "", "none"):
        elastic = None
    slurm = _slurm_job(environ)
    if elastic and not (slurm and _UUID.fullmatch(elastic)):
        return f"torchelastic:{elastic}"
    if slurm:
        return slurm
    for name in _JOB_IDS:
        if environ.get(name):
            return f"{name.lower()}:{environ[name]}"
    return None


def _slurm_job(environ: Mapping[str, str]) -> str | None:
    job = environ.get("SLURM_JOB_ID") or environ.get("SLURM_JOBID")
    if not job:
        return None
    array = environ.get("SLURM_ARRAY_JOB_ID")
    if array:
        job = f"{array}_{environ.get('SLURM_ARRAY_TASK_ID', '')}"
    # Each `srun` of a job is a step; when the job is restarted they are counted from 0 again.
    step = environ.get("SLURM_STEP_ID", "")
    return f"slurm:{environ.get('SLURM_CLUSTER_NAME', '')}:{job}" + (f".{step}" if step else "")


def find_siblings(ranks: Ranks, environ: Mapping[str, str] = os.environ) -> str | None:
    """What the ranks of a job without an id have in common when one launcher on one machine started all of them."""
    if ranks.world_size == 1 or _integer(environ, "LOCAL_WORLD_SIZE") not in (None, ranks.world_size):
        return None
    if _integer(environ, "LOCAL_WORLD_SIZE") is None and "OMPI_COMM_WORLD_LOCAL_SIZE" in environ:
        if _integer(environ, "OMPI_COMM_WORLD_LOCAL_SIZE") != ranks.world_size:
            return None
    parent = os.getppid()
    try:
        with open(f"/proc/{parent}/stat", "rb") as file:
            # When it started, in ticks since the machine did: the 20th field behind the name, which is in parentheses.
            started = file.read().rpartition(b")")[2].split()[19].decode()
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
    except (OSError, IndexError):
        return None
    return f"siblings:{socket.gethostname()}:{boot}:{parent}:{started}"


def find_attempt(environ: Mapping[str, str] = os.environ) -> int | None:
    """How often the job was restarted, by its scheduler's count; None where nothing counts."""
    own = _integer(environ, "EDGERUN_ATTEMPT")
    if own is not None:
        return own
    elastic = _integer(environ, "TORCHELASTIC_RESTART_COUNT")
    slurm = _integer(environ, "SLURM_RESTART_COUNT")
    if slurm is None and elastic is not None and _slurm_job(environ) is None:
        return elastic
    if slurm is None and elastic is None:
        return None
    # torchrun counts from 0 again when SLURM restarts it, so SLURM's restarts weigh more than all that it may make.
    most = _integer(environ, "TORCHELASTIC_MAX_RESTARTS") or 0
    return (slurm or 0) * (most + 1) + min(elastic or 0, most if slurm else elastic or 0)


def find_restart(environ: Mapping[str, str] = os.environ) -> str:
    """What tells one start of a job from another one, as far as its scheduler says it."""
    return "/".join(environ.get(name, "") for name in ("SLURM_RESTART_COUNT", "TORCHELASTIC_RESTART_COUNT"))


def derived(*parts: str) -> str:
    """The id that always goes with these words."""
    return str(uuid.uuid5(NAMESPACE, "\n".join(parts)))


def new_id() -> str:
    """A new id (RFC 9562, version 7): in order of time, and otherwise random."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (2**48 - 1)) << 80 | random
    value = value & ~(0xF << 76) | 7 << 76
    return str(uuid.UUID(int=value & ~(0x3 << 62) | 2 << 62))


def as_uuid(text: str) -> str | None:
    """A UUID, with dashes or without, in its usual form; None for what is none."""
    return str(uuid.UUID(text)) if _UUID.fullmatch(text) else None
