"""Simulated blood smears that know where their white cells are: demo, test bed and source of training pictures."""

from edge.simulator.slide import Slide, SmearParameters, draw_field, draw_slide

__all__ = ["Slide", "SmearParameters", "draw_field", "draw_slide"]
