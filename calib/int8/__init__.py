"""Ranges of a network's activations for INT8: which pictures, what they show, how far to count.

Every step works on the file that `python -m export onnx` wrote and on pictures of the instrument; the outcome is a
JSON file (`calib.int8.ranges`) that the engine builder reads.
"""
