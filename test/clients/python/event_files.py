"""Writes event files as TensorFlow 1 and 2, PyTorch and others do, and writes down what TensorBoard reads from them."""

import json
import math
import os
import struct
import sys

import numpy as np
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.plugins.scalar import metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_ndarray, make_tensor_proto
from tensorboardX import SummaryWriter

ODD = [0.1, -1e30, float("nan"), float("inf"), float("-inf"), -0.0, 1e-40]


def tensor(tag, value, kind, described=True):
    about = metadata.create_summary_metadata("", "") if described else None
    return Summary.Value(tag=tag, tensor=make_tensor_proto(np.array(value, kind), dtype=kind), metadata=about)


def write(folder):
    # PyTorch's and tensorboardX's way.
    with SummaryWriter(os.path.join(folder, "simple")) as writer:
        for step in range(1_000):
            writer.add_scalar("train/loss", math.exp(-step / 100), step, walltime=1_700_000_000 + step / 7)
            writer.add_scalar("größe 模型", step, step * 10, walltime=1_700_000_000 + step)
        for step, value in enumerate(ODD):
            writer.add_scalar("odd", value, step - 3)
        writer.add_text("note", "words", 1)
        writer.add_histogram("weights", np.arange(10.0), 1)
        writer.add_scalars("both", {"a": 1.0, "b": 2.0}, 1)
        writer.add_hparams({"lr": 0.1, "opt": "adam", "nesterov": True}, {"best": 0.5}, name="trial")

    # TensorFlow 2's way, of all types of numbers; the first value of a tag alone says what it is for.
    writer = EventFileWriter(os.path.join(folder, "tensors", "deep"))
    told = HParamsPluginData()
    told.session_start_info.hparams["lr"].number_value = 0.25
    told.session_start_info.hparams["name"].string_value = "größe"
    told.session_start_info.hparams["bias"].bool_value = False
    about = hparams_metadata.create_summary_metadata(told)
    values = [Summary.Value(tag="_hparams_/session_start_info", metadata=about)]
    writer.add_event(Event(wall_time=1_700_000_000, summary=Summary(value=values)))
    for step in range(100):
        values = [tensor(kind, step / 3, kind, step == 0) for kind in ("float32", "float64", "float16")]
        values += [tensor(kind, step, kind, step == 0) for kind in ("int32", "int64", "uint8", "bool")]
        values.append(Summary.Value(tag="picture", image=Summary.Image(encoded_image_string=b"\1" * 100_000)))
        values.append(Summary.Value(tag="histogram", histo=HistogramProto(min=1)))
        values.append(tensor("curve", [1.0, 2.0], "float32", False))
        writer.add_event(Event(wall_time=1_700_000_000.0625 + step, step=step, summary=Summary(value=values)))
    for step, value in enumerate(ODD):
        values = [tensor("odd", value, "float64")]
        writer.add_event(
            Event(wall_time=1_700_000_000 + step, step=2**40 + step, summary=Summary(value=values))
        )
    writer.close()

    # Numbers in the fields of their type, where those above are bytes.
    writer = EventFileWriter(os.path.join(folder, "fields"))
    for step, value in enumerate([1.5, -2.0, 0.0]):
        described = metadata.create_summary_metadata("", "")
        values = []
        for name, kind, key, own in (
            ("float", 1, "float_val", value), ("double", 2, "double_val", value), ("int", 3, "int_val", int(value)),
            ("long", 9, "int64_val", int(value)), ("half", 19, "half_val", int(np.float16(value).view(np.uint16))),
        ):  # fmt: skip
            made = Summary.Value(tag=name, metadata=described)
            made.tensor.dtype = kind
            getattr(made.tensor, key).append(own)
            values.append(made)
        writer.add_event(Event(wall_time=1_700_000_000 + step, step=step, summary=Summary(value=values)))
    writer.close()

    # A job that was killed at step 60 and went on from its checkpoint of step 50, in another file.
    for name, begin, end in ((".1", 0, 60), (".2", 50, 80)):
        writer = EventFileWriter(os.path.join(folder, "restarted"), filename_suffix=name)
        writer.add_event(
            Event(
                wall_time=1_700_000_000 + begin, step=begin, session_log=SessionLog(status=SessionLog.START)
            )
        )
        for step in range(begin, end):
            values = [Summary.Value(tag="loss", simple_value=step + begin / 1_000)]
            writer.add_event(Event(wall_time=1_700_000_000 + step, step=step, summary=Summary(value=values)))
        writer.close()

    # One that is being written: the last record is there in part.
    writer = EventFileWriter(os.path.join(folder, "partial"))
    for step in range(10):
        values = [Summary.Value(tag="loss", simple_value=step)]
        writer.add_event(Event(wall_time=1_700_000_000 + step, step=step, summary=Summary(value=values)))
    writer.close()
    (file,) = os.listdir(os.path.join(folder, "partial"))
    path = os.path.join(folder, "partial", file)
    os.truncate(path, os.path.getsize(path) - 5)


def read(folder):
    """The scalars that TensorBoard reads, by run and tag: step, milliseconds, and the value's bits."""
    found = {}
    for parent, _, files in sorted(os.walk(folder)):
        if not any("tfevents" in file for file in files):
            continue
        accumulator = plugin_event_accumulator.EventAccumulator(
            parent, size_guidance={plugin_event_accumulator.TENSORS: 0}
        )
        accumulator.Reload()
        curves = found[os.path.relpath(parent, folder)] = {}
        for tag in accumulator.PluginTagToContent("scalars"):
            curves[tag] = [
                [
                    event.step,
                    round(event.wall_time * 1000),
                    struct.pack(">d", make_ndarray(event.tensor_proto).item()).hex(),
                ]
                for event in accumulator.Tensors(tag)
            ]
    return found


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2])
    else:
        print(json.dumps(read(sys.argv[2])))
