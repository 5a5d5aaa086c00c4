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
# Side of the tile that cells and ring are cut from: what photographs at 2-5 micrometres a pixel have to show.
FINE = 2 * TILE
# A character's cell, pixels, about as fine as the tile it is cut from; half of it in character heights: edges of the
# neighbours show where the next ones are.
CELL, CELL_SPAN = 64, 0.65
# The unrolled ring: columns a sector, sectors repeated before and after, so that no convolution sees an end.
SECTOR, BEFORE = 16, 6
STRIP = (64, SECTOR * (MOST + 2 * BEFORE))
# Radii of its first and last row, floor radii: the ring ends at 0.93-0.99, the start tooth begins at 0.6, and the
# pose may be off by some hundredths.
RING_RADII = (0.55, 1.10)
# Rotation bins, each for straight and mirrored marks.
BINS = 120
# The unrolled floor: rows, columns a turn (one a degree), and columns that repeat the other end on either
# side, since convolutions blur what lies beside the edge.
TURN, REPEATED = 360, 24
UNROLLED = (48, TURN + 2 * REPEATED)
# Radii of its first and last row, floor radii.
TURN_RADII = (0.06, 1.06)


def finder(recipe):
    """Whole photograph, 192 pixels: classes of the primer's parts, and what is there at all."""
    g = Graph(192)
    c = recipe["channels"]
    x = g.conv("x", c[0], stride=2)
    levels = [x]
    for width, blocks in zip(c[1:], recipe["blocks"]):
        x = stage(g, x, width, blocks)
        levels.append(x)
    g.output("present", g.linear(g.linear(g.gap(x), 64, relu=True), 2))
    for level in reversed(levels[:-1]):
        width = g.width(level)
        up = g.upsample(g.conv(x, width, k=1, relu=False))
        x = g.block(g.conv(level, width, k=1, add=up))
    g.output("classes", g.conv(x, 5, k=1, relu=False, norm=False))
    return g


def poser(recipe):
    """The crater, 128 pixels: rim and floor as ellipses, whether the floor bears a mark."""
    g = Graph(128)
    c = recipe["channels"]
    x = g.conv("x", c[0], stride=2)
    for width, blocks, more in zip(c[1:], recipe["blocks"], recipe["more"]):
        x = stage(g, x, width, blocks, more)
    x = dense(g, g.flatten(g.conv(x, recipe["flat"], k=1)), recipe["dim"])
    for name in ("rim", "floor"):
        g.output(name, g.linear(x, 5))
    g.output("mark", g.linear(dense(g, x, 64), 1))
    return g


def turn(recipe):
    """The floor unrolled counter-clockwise from 12 o'clock: a logit for each rotation, straight and mirrored.

    Unrolled, a turn is a shift: what is learned at one rotation holds for all of them. Each
    rotation is judged on the whole turn, seen from that rotation on.
    """
    g = Graph(*UNROLLED)
    c = recipe["channels"]
    x = g.conv("x", c[0], stride=2)
    x = g.conv(x, c[1], stride=2)
    for _ in range(recipe["blocks"]):
        x = g.block(x)
    x = still(g, x, recipe["more"])
    _, high, wide = g.shape[x]
    x = g.conv(x, recipe["column"], k=1)
    x = g.conv(g.reshape(x, [recipe["column"] * high, 1, wide]), recipe["taps"], k=1)
    # Columns of one turn after two strides, every second one.
    whole, first = TURN // 4, REPEATED // 4
    points = [(((b + 0.5) * whole / BINS + t) % whole + first, 0.0) for b in range(BINS) for t in range(0, whole, 2)]
    x = g.reshape(g.gridsample(x, points), [BINS, whole // 2 * recipe["taps"]])
    x = g.linear(dense(g, x, recipe["judge"]), 2)
    g.output("rotation", g.flatten(g.tokens(g.reshape(x, [BINS, 1, 2]))))
    return g


def layout(recipe):
    """The upright floor, 160 pixels: whether it is upright, format, what the pose lacks, where the cells are, strokes."""
    g = Graph(TILE)
    c = recipe["channels"]
    x80 = g.conv("x", c[0], stride=2)
    levels = [x80]
    x = x80
    for width, blocks, more in zip(c[1:], recipe["blocks"], recipe["more"]):
        x = stage(g, x, width, blocks, more)
        levels.append(x)
    x40 = levels[1]
    # Context flows down again: what a stroke means depends on light and polarity of the whole floor.
    coarse = g.conv(levels[2], c[1], k=1, add=g.upsample(g.conv(levels[3], c[1], k=1, relu=False)))
    fine = g.conv(x40, c[1], k=1, add=g.upsample(coarse))
    y = g.conv(x80, recipe["ink"], k=1, add=g.upsample(g.conv(fine, recipe["ink"], k=1, relu=False)))
    g.output("ink", g.conv(g.conv(y, recipe["ink"]), 1, k=1, relu=False, norm=False))
    whole = dense(g, g.flatten(g.conv(x, recipe["flat"], k=1)), recipe["dim"])
    for name, width in (("ok", 1), ("format", len(FORMATS)), ("gear", 1), ("pose", 4)):
        g.output(name, g.linear(whole, width))
    g.output("cells", g.reshape(g.linear(whole, 5 * len(FORMATS)), [len(FORMATS), 5]))
    return g


def glyph(recipe):
    """One character's cell, 64 pixels: which symbol, or none; how far the cell is off it; its strokes.

    `offset`: right and down in character heights, ln of its height over the expected one, turn
    counter-clockwise in radians; from the cell to the character.
    """
    g = Graph(CELL, channels=3)
    c = recipe["channels"]
    x = g.conv("x", c[0], k=6, stride=2)
    levels = []
    for width, blocks in zip(c[1:], recipe["blocks"]):
        x = still(g, g.conv(x, width, stride=2), blocks)
        levels.append(x)
    # Where the strokes are is learned long before what they spell, and is what spells it.
    ink = recipe["ink"]
    y = g.conv(levels[1], ink, k=1, add=g.upsample(g.conv(levels[2], ink, k=1, relu=False)))
    y = g.conv(levels[0], ink, k=1, add=g.upsample(g.conv(y, ink, k=1, relu=False)))
    y = g.conv(y, ink)
    g.output("ink", g.conv(y, 1, k=1, relu=False, norm=False))
    x = g.concat([x, g.conv(g.conv(y, ink, stride=2), ink, stride=2)])
    x = dense(g, g.flatten(x), recipe["dim"])
    g.output("symbol", g.linear(x, len(ALPHABET) + 1))
    g.output("offset", g.linear(x, 4))
    return g


def ring(recipe):
    """The gear ring unrolled clockwise, sixteen columns a sector: a logit a sector, and how far the pose is off.

    Sectors look at each other: what a tooth looks like is only known from the others. `offset`: right and down in
    floor radii, ln of the ring's size over the expected one, turn counter-clockwise in radians; from the pose that
    the ring was unrolled with to the ring.
    """
    g = Graph(*STRIP, channels=3)
    c, dim = recipe["channels"], recipe["dim"]
    x = g.conv("x", c[0], k=6, stride=4)
    for width, blocks in zip(c[1:], recipe["blocks"]):
        x = still(g, g.conv(x, width, stride=2), blocks)
    # One column a sector is left. Those before the first and behind the last are the other end once more.
    _, high, wide = g.shape[x]
    points = [(float(s + BEFORE), float(row)) for s in range(MOST) for row in range(high)]
    x = g.reshape(g.gridsample(x, points), [MOST, high * g.width(x)])
    x = g.addconst(g.linear(x, dim), torch.randn(MOST, dim) * 0.02)
    for _ in range(2):
        y = g.layernorm(x)
        y = g.attend(g.linear(y, dim), g.linear(y, dim), g.linear(y, dim), 4)
        x = feed(g, g.add(x, g.linear(y, dim)), dim)
    x = g.layernorm(x)
    g.output("teeth", g.flatten(g.linear(x, 1)))
    g.output("offset", g.linear(dense(g, g.flatten(g.linear(x, 8)), 64), 4))
    return g


def stage(g, x, width, blocks, more=0):
    """Half the side, then residual blocks, then residual convolutions."""
    x = g.conv(x, width, stride=2)
    for _ in range(blocks):
        x = g.block(x)
    return still(g, x, more)


def still(g, x, count):
    """Residual convolutions of one step."""
    for _ in range(count):
        x = g.conv(x, g.width(x), add=x, still=True)
    return x


def dense(g, x, width):
    """A layer between a map and answers. Without the norms it falls silent in the first steps, and stays so."""
    return g.layernorm(g.linear(g.layernorm(x), width, relu=True))


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


MAKERS = {"finder": finder, "poser": poser, "turn": turn, "layout": layout, "glyph": glyph, "ring": ring}
