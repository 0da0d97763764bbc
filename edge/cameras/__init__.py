"""Sources of frames, one file per kind, behind one protocol and one `open_camera`."""

from edge.cameras.open import URI_KINDS, open_camera
from edge.cameras.options import CameraOptions
from edge.cameras.protocol import Camera

__all__ = ["URI_KINDS", "Camera", "CameraOptions", "open_camera"]
