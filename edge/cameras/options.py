"""What may be asked of a camera."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraOptions:
    """Wishes; None leaves a value to the camera.

    Attributes
    ----------
    width, height, fps, exposure_us, gain : asked of a device; what it made of them is in `Camera.negotiated`
    loop : how often files are played, 0 for without end
    open_timeout_s : a device must deliver its first frame within it
    frame_timeout_s : a device that delivers no frame for so long is opened again
    repeat_limit_s : a device that repeats one frame bit for bit for so long is opened again; 0 never
    reconnect_s : how long to try before the camera counts as lost
    """

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    exposure_us: float | None = None
    gain: float | None = None
    loop: int = 1
    open_timeout_s: float = 10.0
    frame_timeout_s: float = 5.0
    repeat_limit_s: float = 2.0
    reconnect_s: float = 30.0

    @property
    def asked(self) -> str:
        """The mode that was asked for, e.g. "1920x1080@30"; "the default mode" if none was."""
        size = f"{self.width or '?'}x{self.height or '?'}" if self.width or self.height else ""
        rate = f"@{self.fps:g}" if self.fps else ""
        return f"{size}{rate}" or "the default mode"

    @property
    def asked_settings(self) -> list[str]:
        """The names of the mode's settings that were asked for."""
        names = ("width", "height", "fps", "exposure_us", "gain")
        return [name for name in names if getattr(self, name) is not None]
