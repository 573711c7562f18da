"""Which model files there are, where they lie, and whether they are the right ones."""

from vcam.catalogue.pack import (
    BuiltInFace,
    NetFile,
    built_in_faces,
    find_clip,
    find_models_folder,
    has_net,
    net_file,
    read_pack,
    verify,
)

__all__ = [
    "BuiltInFace",
    "NetFile",
    "built_in_faces",
    "find_clip",
    "find_models_folder",
    "has_net",
    "net_file",
    "read_pack",
    "verify",
]
