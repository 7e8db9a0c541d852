"""Folders that TensorBoard shows: each folder with event files is a run."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator

from ..job import derived
from . import events
from .target import Target


class Scalars:
    """The scalars of a folder, as TensorBoard reads them."""

    def __init__(self) -> None:
        #: By tag: steps, values, and epoch milliseconds.
        self.curves: dict[str, tuple[array[int], array[float], array[int]]] = {}
        self.hyperparameters: dict[str, object] = {}
        self.begin: float | None = None
        self.end: float | None = None
        #: Tags whose first value said that it is for the plugin of scalars; the others need not.
        self._plugins: dict[str, str] = {}

    def read(self, path: str) -> None:
        """Reads an event file; those of a folder in the order of their names.

        Raises:
            Damage: The file is damaged. What stands before is read.
        """
        with open(path, "rb") as file:
            for record in events.records(file):
                event = events.event(record)
                self.begin = event.wall_time if self.begin is None else min(self.begin, event.wall_time)
                self.end = event.wall_time if self.end is None else max(self.end, event.wall_time)
                if event.is_start:
                    self._take_back(event.step)
                for value in event.values:
                    self._add(event, value)

    def _add(self, event: events.Event, value: events.Value) -> None:
        plugin = self._plugins.setdefault(value.tag, value.plugin)
        if plugin == "hparams":
            self._read_hyperparameters(value.content)
        elif value.scalar is not None and (value.is_simple or plugin == "scalars"):
            curve = self.curves.get(value.tag)
            if curve is None:
                curve = self.curves[value.tag] = array("q"), array("d"), array("q")
            curve[0].append(event.step)
            curve[1].append(value.scalar)
            curve[2].append(round(event.wall_time * 1000))

    def _take_back(self, step: int) -> None:
        """Forgets what a session that was killed had logged beyond the checkpoint from which another one goes on."""
        for tag, (steps, values, times) in self.curves.items():
            kept = [at for at, each in enumerate(steps) if each < step]
            if len(kept) < len(steps):
                columns = (steps, values, times)
                self.curves[tag] = tuple(array(c.typecode, [c[at] for at in kept]) for c in columns)  # type: ignore[assignment]

    def _read_hyperparameters(self, content: bytes) -> None:
        for number, part in events.fields(content):
            # The start of a session, and in it the map.
            if number == 3 and isinstance(part, bytes):
                for field, entry in events.fields(part):
                    if field == 1 and isinstance(entry, bytes):
                        self.hyperparameters.update(events.struct_values(entry))


def find_runs(folder: str) -> Iterator[tuple[str, list[str]]]:
    """Folders with event files, and these, in TensorBoard's order."""
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        found = sorted(os.path.join(parent, file) for file in files if "tfevents" in file)
        if found:
            yield parent, found


def import_tensorboard(target: Target, folder: str, experiment: str, name: str | None) -> None:
    """Imports each run of a folder, named by its path within it.

    Args:
        name: Of the run where there is but one.
    """
    experiment_id = target.experiment(experiment)
    found = list(find_runs(folder))
    if name is not None and len(found) > 1:
        raise ValueError(f"There are {len(found)} runs in {folder}; --name is for one")
    for path, files in found:
        scalars = Scalars()
        for file in files:
            try:
                scalars.read(file)
            except (events.Damage, OSError) as damage:
                target.left_out.append(f"{file}: what is behind, because {damage}")
        inside = os.path.relpath(path, folder).replace(os.sep, "/")
        own = name or (inside if inside != "." else os.path.basename(os.path.abspath(folder)))
        # The first file's name has time, host and process in it.
        run_id = derived("import", experiment_id, inside, os.path.basename(files[0]))
        begin = None if scalars.begin is None else round(scalars.begin * 1000)
        end = None if scalars.end is None else round(scalars.end * 1000)
        run = target.run(experiment_id, run_id, name=own, started_at=begin, params=scalars.hyperparameters)
        for tag, columns in scalars.curves.items():
            for step, value, moment in zip(*columns):
                run.add(tag, step, value, moment)
        run.finish("completed", end)
