"""FaceWarp Cam: a camera that wears another face. `import vcam` loads no heavy library."""

__version__ = "0.1.0"
