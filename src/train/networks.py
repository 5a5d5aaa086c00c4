"""The networks: where primer and crater lie, how the mark lies in the crater, where its parts are, what they say."""

import math

import torch

from graph import Graph

ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
FORMATS = ["ifm8", "ifm6", "ifm8-323", "ifm8-narrow"]
ROWS = [[4, 4], [3, 3], [3, 2, 3], [2, 2, 2, 2]]
LENGTHS = [sum(rows) for rows in ROWS]
# Sectors of the gear ring: start tooth 3, gap 1, six a character.
SECTORS = [4 + 6 * length for length in LENGTHS]
MOST = max(SECTORS)
# Side of the upright tile, pixels, and half of it in floor radii.
TILE, SPAN = 160, 1.08
# A character's cell, pixels; half of it in character heights: strokes of the neighbours show where the next ones are.
CELL, CELL_SPAN = 32, 0.8
# The unrolled ring: columns a sector, sectors repeated before and after, so that no convolution sees an end.
SECTOR, BEFORE = 6, 6
STRIP = (16, SECTOR * (MOST + 2 * BEFORE))
# Radii of its first and last row, floor radii: the ring ends at 0.93-0.99, the start tooth begins at 0.6.
RING_RADII = (0.62, 1.04)
# Rotation bins of the poser, each for straight and mirrored marks.
BINS = 120


def finder(recipe):
    """Whole photograph, 192 pixels: classes of the primer's parts, and what is there at all."""
    g = Graph(192)
    c = recipe["channels"]
    x = g.conv("x", c[0], stride=2)
    levels = [x]
    for width, blocks in zip(c[1:], recipe["blocks"]):
        x = g.conv(x, width, stride=2)
        for _ in range(blocks):
            x = g.block(x)
        levels.append(x)
    g.output("present", g.linear(g.linear(g.gap(x), 64, relu=True), 2))
    for level in reversed(levels[:-1]):
        width = g.width(level)
        up = g.upsample(g.conv(x, width, k=1, relu=False))
        x = g.block(g.conv(level, width, k=1, add=up))
    g.output("classes", g.conv(x, 5, k=1, relu=False, norm=False))
    return g


def poser(recipe):
    """The crater, 128 pixels: rim and floor as ellipses, rotation of the mark, whether it is there."""
    g = Graph(128)
    c = recipe["channels"]
    x = g.conv("x", c[0], stride=2)
    for width, blocks in zip(c[1:], recipe["blocks"]):
        x = g.conv(x, width, stride=2)
        for _ in range(blocks):
            x = g.block(x)
    x = g.linear(g.flatten(g.conv(x, recipe["flat"], k=1)), recipe["dim"], relu=True)
    for name in ("rim", "floor"):
        g.output(name, g.linear(x, 5))
    around = polar(g, recipe)
    g.output("rotation", compare(g, around, recipe))
    g.output("mark", g.linear(g.linear(g.concat([x, g.gap(around)]), 64, relu=True), 1))
    return g


# The crop unrolled about its centre: angles counter-clockwise from 12 o'clock, 1.5 degrees a column.
# 24 more columns at either end repeat the other end, since convolutions blur what lies beside the edge.
COLUMNS, REPEATED = 240, 24
# 32 radii, 2-48.5 pixels: from the middle to the rim (half of the crop is 64 pixels and 1.3 rim radii).
ROWS_OUT, FIRST_RADIUS, RADIUS_STEP = 32, 2.0, 1.5


def polar(g, recipe):
    """Features of the unrolled crop, (channels, 8, 72), six degrees a column.

    Unrolled, a turn is a shift: what is learned at one rotation holds for all of them.
    """
    points = []
    for row in range(ROWS_OUT):
        radius = FIRST_RADIUS + RADIUS_STEP * row
        for column in range(-REPEATED, COLUMNS + REPEATED):
            angle = 2 * math.pi * column / COLUMNS
            points.append((63.5 - radius * math.sin(angle), 63.5 - radius * math.cos(angle)))
    wide = COLUMNS + 2 * REPEATED
    x = g.gridsample("x", points)
    # From points x channels to channels x points: `tokens` of a map with a point for each channel.
    x = g.tokens(g.reshape(x, [len(points), 1, 2]))
    x = g.reshape(x, [2, ROWS_OUT, wide])
    near, far = recipe["polar"]
    x = g.conv(x, near, stride=2)
    x = g.conv(x, near)
    x = g.conv(x, far, stride=2)
    for _ in range(recipe["polar_blocks"]):
        x = g.block(x)
    return x


def compare(g, around, recipe):
    """A logit for each rotation, straight and mirrored: the whole turn, seen from that rotation on."""
    _, high, wide = g.shape[around]
    slim = g.conv(around, recipe["column"], k=1)
    slim = g.conv(g.reshape(slim, [recipe["column"] * high, 1, wide]), recipe["taps"], k=1)
    step = COLUMNS // 4  # columns of one turn after two strides
    first = REPEATED // 4
    points = [
        (((b + 0.5) * step / BINS + t) % step + first, 0.0) for b in range(BINS) for t in range(step)
    ]
    x = g.reshape(g.gridsample(slim, points), [BINS, step * recipe["taps"]])
    x = g.linear(g.linear(x, recipe["judge"], relu=True), 2)
    return g.flatten(g.tokens(g.reshape(x, [BINS, 1, 2])))


def layout(recipe):
    """The upright floor, 160 pixels: whether it is upright, format, what the pose lacks, where the cells are, strokes."""
    g = Graph(TILE)
    c = recipe["channels"]
    x80 = g.conv("x", c[0], stride=2)
    levels = [x80]
    x = x80
    for width, blocks in zip(c[1:], recipe["blocks"]):
        x = stage(g, x, width, blocks)
        levels.append(x)
    x40 = levels[1]
    # Context flows down again: what a stroke means depends on light and polarity of the whole floor.
    coarse = g.conv(levels[2], c[1], k=1, add=g.upsample(g.conv(levels[3], c[1], k=1, relu=False)))
    fine = g.conv(x40, c[1], k=1, add=g.upsample(coarse))
    y = g.conv(x80, recipe["ink"], k=1, add=g.upsample(g.conv(fine, recipe["ink"], k=1, relu=False)))
    g.output("ink", g.conv(g.conv(y, recipe["ink"]), 1, k=1, relu=False, norm=False))
    whole = g.linear(g.flatten(g.conv(x, recipe["flat"], k=1)), recipe["dim"], relu=True)
    for name, width in (("ok", 1), ("format", len(FORMATS)), ("gear", 1), ("pose", 4)):
        g.output(name, g.linear(whole, width))
    g.output("cells", g.reshape(g.linear(whole, 5 * len(FORMATS)), [len(FORMATS), 5]))
    return g


def glyph(recipe):
    """One character's cell, 32 pixels: which symbol, or none; and how far the cell is off it.

    `offset`: right and down in character heights, ln of its height over the expected one, turn
    counter-clockwise in radians; from the cell to the character.
    """
    g = Graph(CELL)
    c = recipe["channels"]
    x = g.conv("x", c[0])
    for width, blocks in zip(c[1:], recipe["blocks"]):
        x = g.conv(x, width, stride=2)
        for _ in range(blocks):
            x = g.conv(x, width, add=x)
    x = g.linear(g.flatten(x), recipe["dim"], relu=True)
    g.output("symbol", g.linear(x, len(ALPHABET) + 1))
    g.output("offset", g.linear(x, 4))
    return g


def ring(recipe):
    """The gear ring unrolled clockwise, six columns a sector: a logit a sector.

    Sectors look at each other: what a tooth looks like is only known from the others.
    """
    g = Graph(*STRIP)
    c, dim = recipe["channels"], recipe["dim"]
    x = g.conv("x", c[0])
    for width, blocks in zip(c[1:], recipe["blocks"]):
        x = g.conv(x, width, stride=2)
        for _ in range(blocks):
            x = g.block(x)
    _, high, wide = g.shape[x]
    step = wide / STRIP[1]
    points = [
        (((s + BEFORE + 0.5) * SECTOR - 0.5) * step, float(row)) for s in range(MOST) for row in range(high)
    ]
    x = g.reshape(g.gridsample(x, points), [MOST, high * g.width(x)])
    x = g.addconst(g.linear(x, dim), torch.randn(MOST, dim) * 0.02)
    for _ in range(2):
        y = g.layernorm(x)
        y = g.attend(g.linear(y, dim), g.linear(y, dim), g.linear(y, dim), 4)
        x = feed(g, g.add(x, g.linear(y, dim)), dim)
    g.output("teeth", g.flatten(g.linear(g.layernorm(x), 1)))
    return g


def stage(g, x, width, blocks):
    """Half the side, then residual blocks."""
    x = g.conv(x, width, stride=2)
    for _ in range(blocks):
        x = g.block(x)
    return x


def feed(g, x, dim):
    """The two-layer step after an attention."""
    return g.add(x, g.linear(g.linear(g.layernorm(x), 2 * dim, relu=True), dim))


def steps(rows):
    """Each character's place in its format, in pitches from the middle."""
    return [
        (c - (row - 1) / 2, r - (len(rows) - 1) / 2)
        for r, row in enumerate(rows)
        for c in range(row)
    ]


MAKERS = {"finder": finder, "poser": poser, "layout": layout, "glyph": glyph, "ring": ring}
