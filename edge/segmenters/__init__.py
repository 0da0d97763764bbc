"""Backends that run a model file, behind one protocol; chosen by the file's suffix."""

from edge.segmenters.open import open_segmenter
from edge.segmenters.protocol import RawOutputs, Segmenter

__all__ = ["RawOutputs", "Segmenter", "open_segmenter"]
