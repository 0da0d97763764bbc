"""One run from its settings: opens model, camera and sinks, runs the loop, closes everything in reverse."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType

from edge.cameras import Camera, CameraOptions, open_camera
from edge.cameras.opencv import redact
from edge.config import CameraSection, ModelSection, Settings
from edge.errors import ConfigurationError, UsageError
from edge.latest import Latest
from edge.metrics import Counters
from edge.pipeline import LoopOptions, run
from edge.progress import summary
from edge.segmenters import Segmenter, open_segmenter
from edge.sinks import FanOut, Sink
from edge.sinks.open import SinkContext, open_sinks

log = logging.getLogger(__name__)

LIVE_MAX_STALENESS_S = 0.5


def run_session(settings: Settings, report: Callable[[str], None], more_sinks: Sequence[Sink] = ()) -> None:
    """Run until the camera ends, a limit is reached or somebody stops it.

    Runs in the main thread, for it takes SIGINT and SIGTERM. Raises an `edge.errors.EdgeError` of any kind.

    Parameters
    ----------
    report : takes the summary of the run, once the loop was entered, also after an error
    more_sinks : take each result after the sinks that the settings ask for; the caller closes them
    """
    if settings.camera.uri is None:
        raise UsageError(
            "no camera was named; give one, for example --camera 0, --camera 'slides/*.jpg' or --camera synth://smear"
        )
    stop = threading.Event()
    with ExitStack() as stack:
        segmenter = open_model(settings.model)
        stack.callback(segmenter.close)
        check_threshold(settings.model.threshold, segmenter)
        camera = open_camera(settings.camera.uri, camera_options(settings.camera))
        stack.callback(camera.close)
        log.info("camera %s: %s", redact(settings.camera.uri), camera.negotiated)
        log.info("model %s on %s", segmenter.spec.name, segmenter.backend)
        counters = Counters(failed=lambda: camera.failed)
        context = SinkContext(settings=settings, segmenter=segmenter, camera=camera, counters=counters, stop=stop)
        sinks = FanOut([*open_sinks(context, stack), *more_sinks])
        stack.callback(lambda: report(summary(counters.snapshot())))
        stack.enter_context(stopped_by_signals(stop))
        stack.enter_context(stopped_after(settings.run.duration_s, stop))
        frames = stack.enter_context(latest(camera, settings.camera, counters, stop))
        options = LoopOptions(threshold=settings.model.threshold, max_frames=settings.run.frames)
        run(frames, segmenter, sinks, counters, options, stop)


def open_model(section: ModelSection) -> Segmenter:
    """The model that the section asks for, on what it asks for."""
    segmenter = open_segmenter(
        section.path,
        threads=section.threads,
        provider=section.provider,
        allow_unverified=section.allow_unverified,
    )
    if section.allow_unverified:
        log.warning("the model runs without a look at its acceptance report (--allow-unverified)")
    return segmenter


def check_threshold(threshold: float | None, segmenter: Segmenter) -> None:
    """Raises ConfigurationError for a threshold below what the model puts out."""
    floor = segmenter.spec.score_floor
    if threshold is not None and threshold < floor:
        raise ConfigurationError(
            f"the threshold {threshold:g} is below {floor:g}, the lowest score that {segmenter.spec.name} puts out; "
            f"give a --threshold from {floor:g} to 1"
        )


def camera_options(section: CameraSection) -> CameraOptions:
    """What the section asks of the camera itself."""
    return CameraOptions(**section.model_dump(exclude={"uri", "drop", "max_staleness_s"}))


def latest(camera: Camera, section: CameraSection, counters: Counters, stop: threading.Event) -> Latest:
    """The hand-over, where nothing else was asked for as suits the camera: files wait, a live camera does not."""
    staleness_s = section.max_staleness_s
    if staleness_s is None and camera.live:
        staleness_s = LIVE_MAX_STALENESS_S
    drop = section.drop or ("oldest" if camera.live else "block")
    return Latest(camera, counters, stop, drop=drop, max_staleness_s=staleness_s)


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set `stop`; a second one ends the process at once, in case the clean way hangs."""

    def on_signal(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stopped_after(seconds: float | None, stop: threading.Event) -> Iterator[None]:
    """`stop` is set after so many seconds; never if None."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, stop.set)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
