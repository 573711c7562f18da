"""Every error the program raises on purpose.

VcamError                   one sentence: what happened, with which value, and the way out
 +-- BadInput               the user's mistake; the command ends with exit code 2
 |    +-- BadPhoto          unreadable, empty, no face, unusable face
 |    +-- BadVideo          unreadable or corrupt video file
 |    +-- UnknownCamera     no camera of that name
 |    +-- ModelMissing      a model file is not there
 |    +-- ModelCorrupt      a model file is not the one the catalogue names
 |    +-- BadSettings       a value that is not allowed
 +-- CameraError
 |    +-- CameraBusy        in use by another program
 |    +-- CameraDenied      no permission
 |    +-- CameraLost        unplugged, or gives no frames; can come back
 |    +-- EndOfVideo        a file that is played once has ended
 +-- OutputError
 |    +-- OutputUnavailable cannot be opened here; the message says how to get it
 |    +-- OutputLost        was open, is gone
 +-- SwapError              a stage could not make a picture that may be shown
      +-- NoFace            nobody to swap in this frame
      +-- SwapRejected      the generator's picture failed its checks
"""


class VcamError(Exception):
    """One clear sentence for the user: what happened, with which value, and the way out."""


class BadInput(VcamError):
    """The user's mistake; commands end with exit code 2."""


class BadPhoto(BadInput):
    """The photo cannot be used as a source face."""


class BadVideo(BadInput):
    """The video file cannot be read."""


class UnknownCamera(BadInput):
    """No camera has that name."""


class ModelMissing(BadInput):
    """A model file is not where it should be."""


class ModelCorrupt(BadInput):
    """A model file is not the one the catalogue names."""


class BadSettings(BadInput):
    """A setting has a value that is not allowed."""


class CameraError(VcamError):
    """A camera cannot be used."""


class CameraBusy(CameraError):
    """Another program uses the camera."""


class CameraDenied(CameraError):
    """The system does not let us open the camera."""


class CameraLost(CameraError):
    """The camera is gone or gives no frames; it can come back."""


class EndOfVideo(CameraError):
    """A file that is played once has ended."""


class OutputError(VcamError):
    """An output cannot be used."""


class OutputUnavailable(OutputError):
    """The output cannot be opened on this system."""


class OutputLost(OutputError):
    """The output was open and is gone."""


class SwapError(VcamError):
    """No picture that may be shown came out of this frame."""


class NoFace(SwapError):
    """Nobody to swap in this frame."""


class SwapRejected(SwapError):
    """The generator's picture failed its checks."""
