"""SummaryWriter: writes what a training run has to tell into files that TensorBoard reads."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from . import embedding, library as tb, pictures, summary
from .graph import graph


class FileWriter:
    """Writes messages into one file of events in `log_dir`, in a thread of its own."""

    def __init__(self, log_dir: Any, max_queue: int = 10, flush_secs: float = 120, filename_suffix: str = ""):
        if os.path.exists(log_dir) and not os.path.isdir(log_dir):
            raise NotADirectoryError(f"SummaryWriter: {log_dir} is a file; log_dir has to be a folder, or a path where "
                                     f"one can be made.")
        self.event_writer = tb.EventFileWriter(os.fspath(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """The folder."""
        return self.event_writer.get_logdir()

    def add_event(self, event: Any, step: Any = None, walltime: float | None = None) -> None:
        """Write an Event, at `step`, dated `walltime` (seconds as of time.time(); unset: now)."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(self, summary: Any, global_step: Any = None, walltime: float | None = None) -> None:
        """Write a Summary."""
        self.add_event(tb.Event(summary=summary), global_step, walltime)

    def add_graph(self, graph_profile: tuple[Any, Any], walltime: float | None = None) -> None:
        """Write a GraphDef, and RunMetadata with it."""
        definition, stats = graph_profile
        self.add_event(tb.Event(graph_def=definition.SerializeToString()), None, walltime)
        tagged = tb.TaggedRunMetadata(tag="step1", run_metadata=stats.SerializeToString())
        self.add_event(tb.Event(tagged_run_metadata=tagged), None, walltime)

    def flush(self) -> None:
        """Have all that was written on the disk."""
        self.event_writer.flush()

    def close(self) -> None:
        """Flush, and close the file."""
        self.event_writer.close()

    def reopen(self) -> None:
        """After `close`: go on, in a new file."""
        self.event_writer.reopen()


class SummaryWriter:
    """Writes scalars, images, histograms, graphs, ... for TensorBoard. https://pytorch.org/docs/stable/tensorboard.html

    log_dir     the folder; unset: ``runs/`` and the date, the machine's name and `comment`
    purge_step  a run that goes on from this step hides what an earlier one wrote from there on
    max_queue   so many messages may wait; `flush_secs`: for so long
    filename_suffix  how the files' names end

    Tags with slashes are grouped. Everything takes tensors, arrays and numbers. `global_step` is where on the
    axis a value stands; `walltime` when it was (unset: now). Raises ImportError where tensorboard is not installed. ::

        with SummaryWriter("runs/first") as writer:
            writer.add_scalar("loss/train", loss, step)
            writer.add_histogram("layer1/weight", model.layer1.weight, step)
    """

    def __init__(self, log_dir: Any = None, comment: str = "", purge_step: int | None = None, max_queue: int = 10,
                 flush_secs: float = 120, filename_suffix: str = ""):
        if not log_dir:
            now = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir, self.purge_step = log_dir, purge_step
        self.max_queue, self.flush_secs, self.filename_suffix = max_queue, flush_secs, filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None  # by folder: `add_scalars` has one for each curve
        self._projector_config: Any = None
        self._get_file_writer()
        ends, end = [], 1e-12
        while end < 1e20:
            ends.append(end)
            end *= 1.1
        self.default_bins = [*(-e for e in reversed(ends)), 0, *ends]

    def _get_file_writer(self) -> FileWriter:
        """The writer of the main file; after `close`, of a new one."""
        if self.file_writer is None or self.all_writers is None:
            self.file_writer = self._open(self.log_dir)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                step, self.purge_step = self.purge_step, None
                self.file_writer.add_event(tb.Event(step=step, file_version="brain.Event:2"))
                self.file_writer.add_event(tb.Event(step=step, session_log=tb.SessionLog(status=tb.SessionLog.START)))
        return self.file_writer

    def _open(self, folder: Any) -> FileWriter:
        return FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)

    def _write(self, message: Any, step: Any = None, walltime: float | None = None) -> None:
        self._get_file_writer().add_summary(message, step, walltime)

    def get_logdir(self) -> Any:
        """The folder that it writes into."""
        return self.log_dir

    # --- numbers ------------------------------------------------------------------------------------------------------

    def add_scalar(self, tag: str, scalar_value: Any, global_step: Any = None, walltime: float | None = None,
                   new_style: bool = False, double_precision: bool = False) -> None:
        """A number: a point of the curve `tag`. With `new_style`, `double_precision` keeps 64 bits of it."""
        self._write(summary.scalar(tag, scalar_value, None, new_style, double_precision), global_step, walltime)

    def add_scalars(self, main_tag: str, tag_scalar_dict: dict, global_step: Any = None, walltime: float | None = None) -> None:
        """Several numbers by name: points of curves in one chart. Each name becomes a run with files of its own."""
        walltime = time.time() if walltime is None else walltime
        main = self._get_file_writer().get_logdir()
        writers = self.all_writers
        assert writers is not None  # there is a file writer
        for tag, value in tag_scalar_dict.items():
            folder = f"{main}/{main_tag.replace('/', '_')}_{tag}"
            if folder not in writers:
                writers[folder] = self._open(folder)
            writers[folder].add_summary(summary.scalar(main_tag, value), global_step, walltime)

    def add_tensor(self, tag: str, tensor: Any, global_step: Any = None, walltime: float | None = None) -> None:
        """A whole tensor, for programs that read the file."""
        self._write(summary.tensor_proto(tag, tensor), global_step, walltime)

    def add_histogram(self, tag: str, values: Any, global_step: Any = None, bins: Any = "tensorflow",
                      walltime: float | None = None, max_bins: int | None = None) -> None:
        """How the values are distributed.

        bins  "tensorflow": buckets that grow by a tenth each; or what `numpy.histogram` takes, such as "auto"
        """
        bins = self.default_bins if isinstance(bins, str) and bins == "tensorflow" else bins
        self._write(summary.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(self, tag: str, min: float, max: float, num: float, sum: float, sum_squares: float,
                          bucket_limits: Sequence, bucket_counts: Sequence, global_step: Any = None,
                          walltime: float | None = None) -> None:
        """A histogram that was counted elsewhere; `bucket_limits` are the buckets' upper ends."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError(f"len(bucket_limits) != len(bucket_counts): {len(bucket_limits)} and {len(bucket_counts)}; "
                             f"each bucket has an upper end and a count.")
        self._write(summary.histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts),
                    global_step, walltime)

    def add_pr_curve(self, tag: str, labels: Any, predictions: Any, global_step: Any = None, num_thresholds: int = 127,
                     weights: Any = None, walltime: float | None = None) -> None:
        """Precision over recall: labels (N,) of 0 and 1, predictions (N,) from 0 to 1."""
        labels, predictions = summary.make_np(labels), summary.make_np(predictions)
        weights = None if weights is None else summary.make_np(weights)
        self._write(summary.pr_curve(tag, labels, predictions, num_thresholds, weights), global_step, walltime)

    def add_pr_curve_raw(self, tag: str, true_positive_counts: Any, false_positive_counts: Any, true_negative_counts: Any,
                         false_negative_counts: Any, precision: Any, recall: Any, global_step: Any = None,
                         num_thresholds: int = 127, weights: Any = None, walltime: float | None = None) -> None:
        """A precision-recall curve that was counted elsewhere: a value for each threshold."""
        self._write(summary.pr_curve_raw(tag, true_positive_counts, false_positive_counts, true_negative_counts,
                                         false_negative_counts, precision, recall, num_thresholds), global_step, walltime)

    # --- pictures, sound, text ----------------------------------------------------------------------------------------

    def add_image(self, tag: str, img_tensor: Any, global_step: Any = None, walltime: float | None = None,
                  dataformats: str = "CHW") -> None:
        """An image (C, H, W), or as `dataformats` says, of values from 0 to 1, or of bytes (uint8)."""
        self._write(summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_images(self, tag: str, img_tensor: Any, global_step: Any = None, walltime: float | None = None,
                   dataformats: str = "NCHW") -> None:
        """Images (N, C, H, W), or as `dataformats` says, side by side."""
        self._write(summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_image_with_boxes(self, tag: str, img_tensor: Any, box_tensor: Any, global_step: Any = None,
                             walltime: float | None = None, rescale: float = 1, dataformats: str = "CHW",
                             labels: Any = None) -> None:
        """An image with boxes (N, 4) drawn on it: left, top, right, bottom. `labels`: what they are called."""
        labels = [labels] if isinstance(labels, str) else labels
        if labels is not None and len(labels) != len(box_tensor):
            labels = None
        self._write(summary.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, labels), global_step, walltime)

    def add_figure(self, tag: str, figure: Any, global_step: int | None = None, close: bool = True,
                   walltime: float | None = None) -> None:
        """Matplotlib's figure, or a list of them, as an image. `close`: it is not needed any more."""
        pixels = pictures.figure_to_image(figure, close)
        self.add_image(tag, pixels, global_step, walltime, "NCHW" if isinstance(figure, list) else "CHW")

    def add_video(self, tag: str, vid_tensor: Any, global_step: Any = None, fps: float = 4,
                  walltime: float | None = None) -> None:
        """Films (N, T, C, H, W) of values from 0 to 1, or of bytes (uint8), as an animated GIF."""
        self._write(summary.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(self, tag: str, snd_tensor: Any, global_step: Any = None, sample_rate: int = 44100,
                  walltime: float | None = None) -> None:
        """Sound (L,) or (1, L) of amplitudes from -1 to 1."""
        self._write(summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """Text, which is read as Markdown."""
        self._write(summary.text(tag, text_string), global_step, walltime)

    def add_mesh(self, tag: str, vertices: Any, colors: Any = None, faces: Any = None, config_dict: dict | None = None,
                 global_step: Any = None, walltime: float | None = None) -> None:
        """Points (B, N, 3) in space, their colours (B, N, 3) from 0 to 255, and triangles (B, M, 3) of points."""
        self._write(summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    # --- models and runs ----------------------------------------------------------------------------------------------

    def add_graph(self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True) -> None:
        """What the model does with an input (a tensor, or a tuple of them): it is run once, in eval mode.

        Shown is what autograd records: the operations that gradients flow through.
        """
        self._get_file_writer().add_graph(graph(model, input_to_model, verbose))

    def add_onnx_graph(self, prototxt: Any) -> None:
        """Refuses: there is no ONNX here. `add_graph` shows a model."""
        raise NotImplementedError("add_onnx_graph: ONNX files are out of scope here. add_graph(model, input) shows a model "
                                  "of this package.")

    def add_embedding(self, mat: Any, metadata: Sequence | None = None, label_img: Any = None, global_step: Any = None,
                      tag: str = "default", metadata_header: Sequence | None = None) -> None:
        """Points (N, D) for the projector.

        metadata   what each is called; with a `metadata_header`, several columns
        label_img  a picture of each (N, C, H, W)
        """
        main = os.fspath(self._get_file_writer().get_logdir())
        step = str(0 if global_step is None else global_step).zfill(5)
        place = tag.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")
        images = None if label_img is None else summary.make_np(label_img)
        entry = embedding.write(main, f"{step}/{place}", summary.make_np(mat), metadata, images, metadata_header,
                                f"{tag}:{step}")
        if self._projector_config is None:
            self._projector_config = tb.ProjectorConfig()
        self._projector_config.embeddings.append(entry)
        with tb.tf.io.gfile.GFile(os.path.join(main, "projector_config.pbtxt"), "wb") as file:
            file.write(tb.text_format.MessageToString(self._projector_config).encode())

    def add_custom_scalars_multilinechart(self, tags: Sequence[str], category: str = "default",
                                          title: str = "untitled") -> None:
        """One chart for several scalars."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(self, tags: Sequence[str], category: str = "default",
                                       title: str = "untitled") -> None:
        """One chart for three scalars: a value, what lies below and what lies above it."""
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_custom_scalars(self, layout: dict) -> None:
        """Which scalars go into one chart: ``{category: {title: ["Multiline" or "Margin", tags]}}``. Once for a run."""
        self._write(summary.custom_scalars(layout))

    def add_hparams(self, hparam_dict: dict, metric_dict: dict, hparam_domain_discrete: dict | None = None,
                    run_name: str | None = None, global_step: Any = None) -> None:
        """A run's settings (numbers, texts, bools) and its results by tag, for comparing runs.

        They go into a folder of their own: `run_name`, or the time.
        """
        messages = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(folder) as writer:
            for message in messages:
                writer._write(message, global_step)
            for tag, value in metric_dict.items():
                writer.add_scalar(tag, value, global_step)

    # --- the files ----------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Have all that was added on the disk."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Flush and close. What is added afterwards goes into a new file."""
        self.flush()
        for writer in (self.all_writers or {}).values():
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
