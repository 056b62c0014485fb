"""Values as TensorBoard's messages: what `SummaryWriter` writes, one function for each kind."""

from __future__ import annotations

import io
import json
import warnings
import wave
from typing import Any

import numpy as np

from ... import backend
from ...tensor import Tensor
from . import library as tb
from .pictures import draw_boxes as draw_boxes, make_image as make_image, make_video as make_video, to_pixels


def make_np(x: Any) -> np.ndarray:
    """A tensor (detached, from its device), an array or a number as an array.

    >>> make_np(ndl.ones(2, requires_grad=True)), make_np(3)
    (array([1., 1.], dtype=float32), array([3]))
    """
    if isinstance(x, np.ndarray):
        return x
    if np.isscalar(x):
        return np.array([x])
    if isinstance(x, Tensor):
        return backend.to_numpy(x._array)
    raise NotImplementedError(f"Got {type(x)}, but numpy array or torch tensor are expected. Convert it: "
                              f"ndl.tensor(values).")


def _message(tag: str, **content: Any) -> Any:
    return tb.Summary(value=[tb.Summary.Value(tag=tag, **content)])


def _for_plugin(name: str, content: bytes = b"") -> Any:
    return tb.SummaryMetadata(plugin_data=tb.SummaryMetadata.PluginData(plugin_name=name, content=content))


def _shape(sizes: Any) -> Any:
    return tb.TensorShapeProto(dim=[tb.TensorShapeProto.Dim(size=n) for n in sizes])


def _floats(array: np.ndarray) -> Any:
    return tb.TensorProto(dtype="DT_FLOAT", float_val=array.reshape(-1).tolist(), tensor_shape=_shape(array.shape))


# --- numbers ----------------------------------------------------------------------------------------------------------


def scalar(name: str, tensor: Any, collections: Any = None, new_style: bool = False, double_precision: bool = False) -> Any:
    """One number. `new_style` writes it as a tensor, which `double_precision` makes one of 64 bits."""
    array = make_np(tensor).squeeze()
    if array.ndim != 0:
        raise AssertionError(f"Tensor should contain one element (0 dimensions). Was given size: {array.size} and "
                             f"{array.ndim} dimensions. Reduce {name!r} first, for example with .mean().")
    value = float(array)
    if not new_style:
        return _message(name, simple_value=value)
    kind = {"double_val": [value], "dtype": "DT_DOUBLE"} if double_precision else {"float_val": [value], "dtype": "DT_FLOAT"}
    return _message(name, tensor=tb.TensorProto(**kind), metadata=_for_plugin("scalars"))


# By dtype: TensorBoard's name, and the field that holds the values.
_FIELDS = {"float16": ("DT_HALF", "half_val"), "float32": ("DT_FLOAT", "float_val"), "float64": ("DT_DOUBLE", "double_val"),
           "uint8": ("DT_UINT8", "int_val"), "int8": ("DT_INT8", "int_val"), "int16": ("DT_INT16", "int_val"),
           "int32": ("DT_INT32", "int_val"), "int64": ("DT_INT64", "int64_val"), "bool": ("DT_BOOL", "bool_val")}


def tensor_proto(tag: str, tensor: Tensor) -> Any:
    """A whole tensor."""
    array = make_np(tensor)
    if array.nbytes >= 1 << 31:
        raise ValueError(f"{tag}: tensor is bigger than protocol buffer's hard limit of 2GB in size: {array.nbytes} bytes.")
    if str(array.dtype) not in _FIELDS:
        raise ValueError(f"{tag} has unsupported tensor dtype {array.dtype}")
    dtype, field = _FIELDS[str(array.dtype)]
    values = array.reshape(-1)
    if array.dtype == np.float16:
        values = values.view(np.uint16)  # the field holds the bits
    proto = tb.TensorProto(dtype=dtype, tensor_shape=_shape(array.shape), **{field: values.tolist()})
    return _message(tag, metadata=_for_plugin("tensor"), tensor=proto)


def histogram_raw(name: str, min: float, max: float, num: float, sum: float, sum_squares: float, bucket_limits: Any,
                  bucket_counts: Any) -> Any:
    """A histogram that was counted elsewhere; `bucket_limits` are the upper ends."""
    return _message(name, histo=tb.HistogramProto(min=min, max=max, num=num, sum=sum, sum_squares=sum_squares,
                                                  bucket_limit=bucket_limits, bucket=bucket_counts))


def histogram(name: str, values: Any, bins: Any, max_bins: int | None = None) -> Any:
    """How often values occur; `bins` as `numpy.histogram` takes them."""
    return _message(name, histo=make_histogram(make_np(values).astype(float), bins, max_bins))


def make_histogram(values: np.ndarray, bins: Any, max_bins: int | None = None) -> Any:
    """The buckets from the one before the first that has something in it up to the last that has."""
    if values.size == 0:
        raise ValueError("The input has no element.")
    values = values.reshape(-1)
    counts, limits = np.histogram(values, bins=bins)
    if max_bins is not None and len(counts) > max_bins:  # several buckets in one, the last perhaps of fewer
        step = len(counts) // max_bins
        counts = np.add.reduceat(counts, np.arange(0, len(counts), step))
        limits = np.append(limits[:-1:step], limits[-1])
    filled = np.flatnonzero(counts)
    if not len(filled):
        raise ValueError(f"The histogram is empty: none of the {values.size} values lies between {limits[0]:g} and "
                         f"{limits[-1]:g} ({np.isnan(values).sum()} of them are NaN).")
    first, last = filled[[0, -1]]
    below = counts[first - 1:first] if first else [0]  # its upper limit is where the first bucket begins
    return tb.HistogramProto(min=values.min(), max=values.max(), num=len(values), sum=values.sum(),
                             sum_squares=values.dot(values), bucket_limit=limits[first:last + 2].tolist(),
                             bucket=[*below, *counts[first:last + 1].tolist()])


def pr_curve(tag: str, labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None) -> Any:
    """Precision over recall, at thresholds from 0 to 1."""
    num_thresholds = min(num_thresholds, 127)
    return _curve(tag, compute_curve(labels, predictions, num_thresholds, weights), num_thresholds)


def pr_curve_raw(tag: str, tp: Any, fp: Any, tn: Any, fn: Any, precision: Any, recall: Any, num_thresholds: int = 127,
                 weights: Any = None) -> Any:
    """A precision-recall curve that was counted elsewhere."""
    return _curve(tag, np.stack([make_np(x) for x in (tp, fp, tn, fn, precision, recall)]), min(num_thresholds, 127))


def _curve(tag: str, rows: np.ndarray, num_thresholds: int) -> Any:
    about = tb.PrCurvePluginData(version=0, num_thresholds=num_thresholds).SerializeToString()
    return _message(tag, metadata=_for_plugin("pr_curves", about), tensor=_floats(rows))


def compute_curve(labels: np.ndarray, predictions: np.ndarray, num_thresholds: int = 127, weights: Any = None) -> np.ndarray:
    """Rows of true and false positives, true and false negatives, precision and recall, a column for each threshold.

    labels       (N,) true or false; predictions (N,) from 0 to 1; `weights` (N,) or one number

    >>> compute_curve(np.array([1, 0, 1]), np.array([0.9, 0.2, 0.4]), 3)[:2]  # thresholds 0, 0.5 and 1
    array([[2., 1., 0.],
           [1., 0., 0.]])
    """
    labels = labels.astype(np.float64)
    share = 1.0 if weights is None else weights
    buckets = np.floor(predictions * (num_thresholds - 1)).astype(np.int32)
    options: dict[str, Any] = {"bins": num_thresholds, "range": (0, num_thresholds - 1)}
    # A prediction is positive at its own threshold and at all below.
    tp, fp = (np.histogram(buckets, weights=(which * share).reshape(buckets.shape), **options)[0][::-1].cumsum()[::-1]
              for which in (labels, 1.0 - labels))
    tn, fn = fp[0] - fp, tp[0] - tp
    return np.stack([tp, fp, tn, fn, tp / np.maximum(1e-7, tp + fp), tp / np.maximum(1e-7, tp + fn)])


# --- pictures, sound, text --------------------------------------------------------------------------------------------


def image(tag: str, tensor: Any, rescale: float = 1, dataformats: str = "NCHW") -> Any:
    """An image, or several side by side."""
    return _message(tag, image=make_image(to_pixels(make_np(tensor), dataformats), rescale))


def image_boxes(tag: str, tensor_image: Any, tensor_boxes: Any, rescale: float = 1, dataformats: str = "CHW",
                labels: Any = None) -> Any:
    """An image with boxes (N, 4) drawn on it."""
    pixels = to_pixels(make_np(tensor_image), dataformats)
    return _message(tag, image=make_image(pixels, rescale, make_np(tensor_boxes), labels))


def video(tag: str, tensor: Any, fps: float = 4) -> Any:
    """Films (B, T, C, H, W) side by side."""
    return _message(tag, image=make_video(make_np(tensor), fps))


def audio(tag: str, tensor: Any, sample_rate: int = 44100) -> Any:
    """Sound (L,) of amplitudes from -1 to 1, as a WAV file."""
    array = make_np(tensor).squeeze()
    if array.ndim != 1:
        raise AssertionError(f"add_audio: input tensor should be 1 dimensional; got shape {array.shape}.")
    if array.size and abs(array).max() > 1:
        warnings.warn("audio amplitude out of range, auto clipped: expected -1 to 1.", stacklevel=3)
        array = array.clip(-1, 1)
    samples = (array * np.iinfo(np.int16).max).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes(samples.tobytes())
    return _message(tag, audio=tb.Summary.Audio(sample_rate=sample_rate, num_channels=1, length_frames=len(samples),
                                                encoded_audio_string=file.getvalue(), content_type="audio/wav"))


def text(tag: str, text: str) -> Any:
    """Text, which TensorBoard reads as Markdown."""
    if not isinstance(text, str):
        raise TypeError(f"add_text: expected a str; got {type(text).__name__}. Convert it: str(x).")
    proto = tb.TensorProto(dtype="DT_STRING", string_val=[text.encode()], tensor_shape=_shape([1]))
    metadata = _for_plugin("text", tb.TextPluginData(version=0).SerializeToString())
    return _message(f"{tag}/text_summary", metadata=metadata, tensor=proto)


def mesh(tag: str, vertices: Any, colors: Any, faces: Any, config_dict: dict | None, display_name: str | None = None,
         description: str | None = None) -> Any:
    """Points (B, N, 3) in space, their colours (B, N, 3), and the triangles (B, M, 3) between them."""
    kinds, config = tb.MeshPluginData, "{}" if config_dict is None else json.dumps(config_dict, sort_keys=True)
    given = [(kind, make_np(x)) for kind, x in ((kinds.VERTEX, vertices), (kinds.FACE, faces), (kinds.COLOR, colors))
             if x is not None]
    for _, array in given:
        if array.ndim != 3:
            raise ValueError(f"add_mesh: expected tensors (B, N, 3); got shape {array.shape}. Add the batch's "
                             f"dimension: x[None].")
    components = tb.mesh.get_components_bitmask([kind for kind, _ in given])
    return tb.Summary(value=[
        tb.Summary.Value(tag=tb.mesh.get_instance_name(tag, kind), tensor=_floats(array),
                         metadata=tb.mesh.create_summary_metadata(tag, display_name, kind, components, array.shape,
                                                                  description, json_config=config))
        for kind, array in given])


# --- what TensorBoard should make of it -------------------------------------------------------------------------------


def custom_scalars(layout: dict) -> Any:
    """Which scalars go into one chart: ``{category: {title: ["Multiline" or "Margin", tags]}}``."""
    parts = tb.layout
    categories = []
    for category, contents in layout.items():
        charts = []
        for title, (kind, tags) in contents.items():
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError(f"len(tags) != 3: a margin chart takes the tags of a value, of what lies below "
                                         f"and of what lies above it; got {tags}.")
                value, lower, upper = tags
                series = parts.MarginChartContent.Series(value=value, lower=lower, upper=upper)
                charts.append(parts.Chart(title=title, margin=parts.MarginChartContent(series=[series])))
            else:
                charts.append(parts.Chart(title=title, multiline=parts.MultilineChartContent(tag=tags)))
        categories.append(parts.Category(title=category, chart=charts))
    content = parts.Layout(category=categories).SerializeToString()
    proto = tb.TensorProto(dtype="DT_STRING", string_val=[content], tensor_shape=tb.TensorShapeProto())
    return _message("custom_scalars__config__", tensor=proto, metadata=_for_plugin("custom_scalars"))


def hparams(hparam_dict: dict, metric_dict: dict, hparam_domain_discrete: dict | None = None) -> tuple[Any, Any, Any]:
    """A run's settings and the names of its results, as three messages: the experiment, its start and its end."""
    domains = hparam_domain_discrete or {}
    for what, given in (("hparam_dict", hparam_dict), ("metric_dict", metric_dict), ("hparam_domain_discrete", domains)):
        if not isinstance(given, dict):
            raise TypeError(f"parameter: {what} should be a dictionary, nothing logged; got {type(given).__name__}.")
    for name, choices in domains.items():
        if name not in hparam_dict or not isinstance(choices, list) or not all(
                isinstance(choice, type(hparam_dict[name])) for choice in choices):
            raise TypeError(f"parameter: hparam_domain_discrete[{name}] should be a list of same type as "
                            f"hparam_dict[{name}].")
    api, data = tb.hparams_api, tb.hparams_data
    start, infos = data.SessionStartInfo(), []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        if isinstance(value, Tensor):
            value = value.item()
        if isinstance(value, str):
            kind, field = "DATA_TYPE_STRING", "string_value"
        elif isinstance(value, (int, float, np.number, np.bool_)):  # bools too, as torch writes them
            kind, field, value = "DATA_TYPE_FLOAT64", "number_value", float(value)
        else:
            raise ValueError(f"value should be one of int, float, str, bool, or torch.Tensor; {name!r} is a "
                             f"{type(value).__name__}. Write it as text: str(x).")
        setattr(start.hparams[name], field, value)
        choices = [tb.struct.Value(**{field: choice}) for choice in domains.get(name, ())]
        infos.append(api.HParamInfo(name=name, type=api.DataType.Value(kind),
                                    domain_discrete=tb.struct.ListValue(values=choices) if name in domains else None))
    metrics = [api.MetricInfo(name=api.MetricName(tag=name)) for name in metric_dict]
    contents = ((tb.hparams.EXPERIMENT_TAG, {"experiment": api.Experiment(hparam_infos=infos, metric_infos=metrics)}),
                (tb.hparams.SESSION_START_INFO_TAG, {"session_start_info": start}),
                (tb.hparams.SESSION_END_INFO_TAG,
                 {"session_end_info": data.SessionEndInfo(status=api.Status.Value("STATUS_SUCCESS"))}))

    def message(tag: str, content: dict) -> Any:
        plugin_data = data.HParamsPluginData(version=tb.hparams.PLUGIN_DATA_VERSION, **content)
        return _message(tag, metadata=_for_plugin(tb.hparams.PLUGIN_NAME, plugin_data.SerializeToString()))

    experiment, begin, end = (message(tag, content) for tag, content in contents)
    return experiment, begin, end
