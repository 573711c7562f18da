"""Check that imports run downwards and that each heavy library stays in its one home.

Usage: python scripts/check_layers.py [ROOT]; prints each fault as FILE:LINE: text and exits 1 if there is one.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

LAYERS: dict[str, int] = {
    "__init__": 0, "types": 0, "errors": 0,
    "geometry": 1, "imaging": 1, "topology": 1,
    "config": 2, "catalogue": 2, "inference": 2,
    "settings_file": 3,
    "faces": 3, "swap": 3, "safeguards": 3, "video": 3, "training": 3,
    "pipeline": 4,
    "bench": 5, "bench_swap": 5, "daemon": 5, "demo": 5, "evaluate": 5, "proof": 5,
    "doctor": 6, "desktop": 7, "cli": 8, "__main__": 9,
}  # fmt: skip
HOMES: dict[str, tuple[str, ...]] = {
    "onnxruntime": ("vcam/inference.py", "vcam/training/"),
    "onnx": ("vcam/training/",),
    "torch": ("vcam/training/",),
    "dlib": ("vcam/training/",),
    "pyvirtualcam": ("vcam/video/",),
    "av": ("vcam/video/",),
    "cv2_enumerate_cameras": ("vcam/video/",),
    "c2pa": ("vcam/safeguards/provenance.py",),
    "cryptography": ("vcam/safeguards/",),
    "keyring": ("vcam/safeguards/",),
    "pystray": ("vcam/desktop/",),
    "PySide6": ("vcam/desktop/",),
    "Xlib": ("vcam/desktop/",),
    "dbus_fast": ("vcam/desktop/",),
    "tqdm": ("vcam/cli/",),
}
# Only these may import the training package, and only inside a function: torch is an extra.
TRAINING_DOORS = ("vcam/cli/train.py", "vcam/cli/export.py", "vcam/cli/evaluate.py")
NUMPY_ONLY = ("vcam/types.py", "vcam/errors.py", "vcam/topology.py")
MAX_FILE_LINES, MAX_FUNCTION_LINES = 500, 60


def imported_modules(node: ast.AST) -> list[str]:
    """Names of the modules that an import statement brings in; an empty list for any other node."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module] if node.module != "vcam" else [f"vcam.{alias.name}" for alias in node.names]
    return []


def package_of(path: str) -> str:
    """``vcam/video/files.py`` -> ``video``; ``vcam/types.py`` -> ``types``."""
    return Path(path).parts[1].removesuffix(".py")


def import_faults(path: str, tree: ast.Module) -> list[tuple[int, str]]:
    """Wrong directions and strangers outside their home in one file."""
    faults: list[tuple[int, str]] = []
    mine = package_of(path)
    top_level = {id(n) for n in tree.body}
    for node in ast.walk(tree):
        for module in imported_modules(node):
            parts = module.split(".")
            line = getattr(node, "lineno", 0)
            homes = HOMES.get(parts[0])
            if homes and not path.startswith(homes):
                faults.append((line, f"{parts[0]} is imported outside its home {' or '.join(homes)}"))
            if path in NUMPY_ONLY and parts[0] == "cv2":
                faults.append((line, "cv2 is imported on the ground floor"))
            if parts[0] != "vcam" or len(parts) == 1:
                continue
            other = parts[1]
            if other == mine or other == "__version__":
                continue
            if other == "training":
                if path not in TRAINING_DOORS or id(node) in top_level:
                    faults.append((line, "training is imported outside its doors, or not inside a function"))
            elif other not in LAYERS:
                faults.append((line, f"vcam.{other} has no layer"))
            elif LAYERS[other] >= LAYERS[mine]:
                faults.append((line, f"{mine} (layer {LAYERS[mine]}) imports {other} (layer {LAYERS[other]})"))
    return faults


def size_faults(text: str, tree: ast.Module) -> list[tuple[int, str]]:
    """Files and functions that have grown too long; a function's docstring does not count."""
    faults: list[tuple[int, str]] = []
    if len(text.splitlines()) > MAX_FILE_LINES:
        faults.append((1, f"{len(text.splitlines())} lines; at most {MAX_FILE_LINES}"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            length = (body[-1].end_lineno or 0) - body[0].lineno + 1
            if length > MAX_FUNCTION_LINES:
                faults.append((node.lineno, f"{node.name} has {length} lines; at most {MAX_FUNCTION_LINES}"))
    return faults


def check(root: Path) -> list[str]:
    """All faults under ``root/vcam``, one printable line each."""
    found: list[str] = []
    for file in sorted((root / "vcam").rglob("*.py")):
        path = file.relative_to(root).as_posix()
        text = file.read_text(encoding="utf-8")
        tree = ast.parse(text, filename=path)
        if package_of(path) not in LAYERS:
            found.append(f"{path}:1: {package_of(path)} has no layer in scripts/check_layers.py")
            continue
        faults = import_faults(path, tree) + size_faults(text, tree)
        found += [f"{path}:{line}: {fault}" for line, fault in sorted(faults)]
    return found


def main(arguments: list[str]) -> int:
    """Print the faults; 1 if there is one."""
    faults = check(Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent)
    print("\n".join(faults) or "layers: ok")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
