"""Backends that run a model file, behind one protocol; chosen by the file's suffix."""

from edge.segmenters.open import open_segmenter, packaged_model
from edge.segmenters.protocol import RawOutputs, Segmenter

__all__ = ["RawOutputs", "Segmenter", "open_segmenter", "packaged_model"]
