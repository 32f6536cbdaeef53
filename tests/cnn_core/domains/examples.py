"""Domains of every kind, and what is known of them: the measure of each region, the mean of its points."""

from cnn_core.domains import Ball, Box, Polygon, Shape, Union, Without

SQUARE = Box({"x": (0.0, 1.0), "y": (0.0, 1.0)})
TIME = ("t", (0.0, 0.5))
SQUARE_IN_TIME = Box({"x": (0.0, 1.0), "y": (0.0, 1.0), "t": (0.0, 0.5)}, time="t")
NOTCHED = ((0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 0.25), (0.0, 1.0))
"""Not convex, against the clock."""

EXAMPLES: dict[str, Shape] = {
    "interval": Box({"x": (-1.0, 3.0)}),
    "box": Box({"x": (0.0, 2.0), "y": (-1.0, 0.5), "z": (5.0, 5.5)}),
    "box in time": SQUARE_IN_TIME,
    "time first": Box({"t": (0.0, 1.0), "x": (-1.0, 1.0)}, time="t"),
    "ball 1": Ball({"x": 1.0}, 0.5),
    "ball 2": Ball({"x": 1.0, "y": -2.0}, 2.0),
    "ball 3": Ball({"x": 1.0, "y": -2.0, "z": 0.0}, 0.5),
    "ball 5": Ball({name: 0.0 for name in "abcde"}, 1.0),
    "ball in time": Ball({"x": 0.0, "y": 0.0}, 1.0, TIME),
    "polygon": Polygon(NOTCHED),
    "polygon clockwise": Polygon(NOTCHED[::-1]),
    "polygon in time": Polygon(NOTCHED, ("a", "b"), ("s", (1.0, 2.0))),
    "hole": Without(SQUARE, Ball({"x": 0.5, "y": 0.5}, 0.25)),
    "hole in time": Without(SQUARE_IN_TIME, Ball({"x": 0.5, "y": 0.5}, 0.25, TIME)),
    "bite": Without(SQUARE, Ball({"x": 1.0, "y": 0.5}, 0.25)),
    "corner cut off": Without(SQUARE, Box({"x": (0.5, 1.0), "y": (0.5, 1.0)})),
    "triangle cut out": Without(Ball({"x": 0.0, "y": 0.0}, 1.0), Polygon(((0.0, 0.0), (0.5, 0.0), (0.0, 0.5)))),
    "two holes": Without(SQUARE, Union(Ball({"x": 0.25, "y": 0.5}, 0.125), Ball({"x": 0.75, "y": 0.5}, 0.125))),
    "hole in a hole": Without(
        Without(SQUARE, Ball({"x": 0.25, "y": 0.5}, 0.125)), Ball({"x": 0.75, "y": 0.5}, 0.125)
    ),
    "split interval": Without(Box({"x": (0.0, 1.0)}), Box({"x": (0.25, 0.5)})),
    "L": Union(Box({"x": (0.0, 2.0), "y": (0.0, 1.0)}), Box({"x": (0.0, 1.0), "y": (1.0, 2.0)})),
    "overlap": Union(SQUARE, Box({"x": (0.5, 1.5), "y": (0.0, 1.0)})),
    "lens": Union(Ball({"x": 0.0, "y": 0.0}, 1.0, TIME), Ball({"x": 1.0, "y": 0.0}, 1.0, TIME)),
    "islands": Union(Ball({"x": 0.0, "y": 0.0, "z": 0.0}, 0.01), Ball({"x": 1.0, "y": 1.0, "z": 1.0}, 0.02)),
}  # fmt: skip

REGIONS = [(name, region) for name, domain in EXAMPLES.items() for region in domain.regions]
