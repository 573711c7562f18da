"""The house of training: data -> networks -> losses -> loops -> export. The only home of torch.

Read in this order: ``data`` (the cache of faces), ``pool`` (which part each may play), ``pairs`` (reverse
pseudo-inputs), ``smooth_faces``, ``teachers`` (frozen public nets inside torch), ``networks``, ``guides`` (what losses
look through), ``losses``, ``generator``, ``loop``, ``sheets`` (what one looks at meanwhile), ``export``, ``mix``.
"""

from importlib import import_module

from vcam.errors import BadInput


def require_torch() -> None:
    """Say in one sentence what is missing, before anything of this package is imported.

    Raises:
        BadInput: PyTorch, onnx or matplotlib is not installed.
    """
    for library in ("torch", "onnx", "matplotlib"):
        try:
            import_module(library)
        except ImportError as error:
            raise BadInput(
                f"training needs {library}, which is not installed: pip install 'facewarp-cam[train]'"
            ) from error
