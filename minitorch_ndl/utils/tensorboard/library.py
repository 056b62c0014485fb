"""What the package tensorboard brings: its messages (protocol buffers) and its files. Loaded when first used."""

from __future__ import annotations

import importlib
from typing import Any

from ... import errors

_PROTO, _PLUGINS = "tensorboard.compat.proto", "tensorboard.plugins"
_HOMES = {
    **dict.fromkeys(["Summary", "SummaryMetadata", "HistogramProto"], f"{_PROTO}.summary_pb2"),
    **dict.fromkeys(["Event", "SessionLog", "TaggedRunMetadata"], f"{_PROTO}.event_pb2"),
    **dict.fromkeys(["DeviceStepStats", "StepStats"], f"{_PROTO}.step_stats_pb2"),
    "TensorProto": f"{_PROTO}.tensor_pb2",
    "TensorShapeProto": f"{_PROTO}.tensor_shape_pb2",
    "GraphDef": f"{_PROTO}.graph_pb2",
    "NodeDef": f"{_PROTO}.node_def_pb2",
    "AttrValue": f"{_PROTO}.attr_value_pb2",
    "VersionDef": f"{_PROTO}.versions_pb2",
    "RunMetadata": f"{_PROTO}.config_pb2",
    "PrCurvePluginData": f"{_PLUGINS}.pr_curve.plugin_data_pb2",
    "TextPluginData": f"{_PLUGINS}.text.plugin_data_pb2",
    "MeshPluginData": f"{_PLUGINS}.mesh.plugin_data_pb2",
    **dict.fromkeys(["EmbeddingInfo", "ProjectorConfig"], f"{_PLUGINS}.projector.projector_config_pb2"),
    "EventFileWriter": "tensorboard.summary.writer.event_file_writer",
    "RecordWriter": "tensorboard.summary.writer.record_writer",
    "tf": "tensorboard.compat",
}
_MODULES = {
    "layout": f"{_PLUGINS}.custom_scalar.layout_pb2",
    "mesh": f"{_PLUGINS}.mesh.metadata",
    "hparams": f"{_PLUGINS}.hparams.metadata",
    "hparams_api": f"{_PLUGINS}.hparams.api_pb2",
    "hparams_data": f"{_PLUGINS}.hparams.plugin_data_pb2",
    "struct": "google.protobuf.struct_pb2",
    "text_format": "google.protobuf.text_format",
    "Image": "PIL.Image",
    "ImageDraw": "PIL.ImageDraw",
    "ImageFont": "PIL.ImageFont",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name) or _MODULES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(home)
    except ImportError as error:
        missing = (error.name or "tensorboard").partition(".")[0]
        package = {"PIL": "pillow", "google": "protobuf"}.get(missing, missing)
        raise errors.not_installed("utils.tensorboard", package, "tensorboard") from error
    found = globals()[name] = module if name in _MODULES else getattr(module, name)
    return found
