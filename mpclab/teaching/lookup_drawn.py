"""How `mpclab.teaching.lookup` draws one comparison: filled boxes hold what is not public.

>>> from mpclab.teaching.lookup import look_up
>>> draw(look_up(-3, "bits"))
Drawing(One comparison by bits)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpclab.teaching.canvas import Canvas, Drawing, Panel
from mpclab.teaching.lookup import BITS, LookUp

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["draw", "verdict"]

_HIGH = {"tables": 478.0, "bits": 500.0, "fss": 512.0, "one table": 330.0}
_BODY = 108.0
_RING = ' stroke-width="2.4"'


def draw(looked: LookUp) -> Drawing:
    """All steps of one comparison, from the opening to the shares of the answer."""
    high = _HIGH[looked.way]
    sheet = Canvas(900, high, f"One comparison by {looked.way}", looked.sentence())
    _opening(sheet, looked)
    {"tables": _tables, "bits": _bits, "fss": _fss, "one table": _one_table}[looked.way](
        sheet, looked
    )
    _answer(sheet, looked, high - 34)
    return sheet.picture()


def _box(
    sheet: Canvas, x: float, y: float, w: float, text: str, secret: bool, ring: bool = False,
    high: float = 24, points: float = 11.5,
) -> None:  # fmt: skip
    """A value: filled if it is not public, such as what is in shares; its middle at y."""
    sheet.rect(x, y - high / 2, w, high, "cover" if secret else "badge", 4)
    sheet.text(x + w / 2, y + 4, text, points, "", "middle", ring)
    if ring:
        sheet.rect(x, y - high / 2, w, high, "ink", 4, _RING)


def _step(sheet: Canvas, y: float, name: str) -> None:
    sheet.text(16, y + 4, name, 12, bold=True)


def _opening(sheet: Canvas, looked: LookUp) -> None:
    """x, the mask, what is opened, and the lower bits of both."""
    p, y = looked.modulus, 36.0
    _step(sheet, y, {"tables": "T1", "bits": "B1", "fss": "F1"}.get(looked.way, "1."))
    _box(sheet, 62, y, 96, f"x = {looked.x}", True)
    sheet.text(167, y + 4, "+", 13)
    _box(sheet, 184, y, 110, f"r = {looked.r}", True)
    sheet.text(303, y + 4, "=", 13)
    _box(sheet, 320, y, 120, f"e = {looked.e}", False, ring=True)
    wrap = ", wrapped" if looked.wrapped else ""
    sheet.text(448, y + 4, f"mod {p:,}{wrap}", 11, "m")
    for x, text in ((110, "secret"), (239, "uniform mask, secret"), (380, "opened, round 1")):
        sheet.text(x, y + 28, text, 10.5, "m", "middle")
    if looked.way != "one table":
        sheet.text(470, y + 28, "filled boxes: not public", 10.5, "m")
        for x, name, value, secret in ((600, "e'", looked.e, False), (742, "r'", looked.r, True)):
            _box(sheet, x, y, 130, f"{name} = {value % 2**BITS}", secret)
            sheet.text(x + 65, y + 28, f"{name[0]} mod {2**BITS}", 10.5, "m", "middle")
    sheet.line(16, 80, 884, 80, "rule")


def _answer(sheet: Canvas, looked: LookUp, y: float) -> None:
    """The servers' shares of the bit."""
    sheet.line(16, y - 26, 884, y - 26, "rule")
    sheet.text(16, y + 4, "[x < 0] in shares", 12, bold=True)
    for i, share in enumerate(looked.shares):
        sheet.server(i, 150 + 200 * i, y)
        _box(sheet, 230 + 200 * i, y, 84, str(share), True)
        if not i:
            sheet.text(328, y + 4, "+", 13)
    sheet.text(530, y + 4, f"= {looked.bit} mod {looked.modulus:,}: {verdict(looked)}", 11.5)


def verdict(looked: LookUp) -> str:
    """What the bit says, and whether that is so.

    >>> from mpclab.teaching.lookup import look_up
    >>> verdict(look_up(-3)), verdict(look_up(-64, seed=141))
    ('negative, as only god sees', 'not negative, which is wrong')
    """
    said = "negative" if looked.bit else "not negative"
    how = "as only god sees" if looked.right else "which is wrong"
    return f"{said}, {how}"


# -- tables ---------------------------------------------------------------------------------------


def _binary(value: int, bits: int) -> str:
    return f"{value:0{bits}b} = {value}"


def _tables(sheet: Canvas, looked: LookUp) -> None:
    e, r, width = looked.digits(looked.e), looked.digits(looked.r), 3
    tops = [(v >> (BITS - 1)) & 1 for v in (looked.e, looked.r)]
    y = _BODY
    _step(sheet, y + 14, "T2")
    for x, w, name in ((110, 70, "top bit"), (190, 130, "digit 1"), (330, 130, "digit 0")):
        sheet.text(x + w / 2, y - 4, name, 10.5, "m", "middle")
    for row, (name, top, digits) in enumerate((("e'", tops[0], e), ("r'", tops[1], r))):
        at, secret = y + 14 + 28 * row, bool(row)
        sheet.text(96, at + 4, name, 12, "", "end")
        _box(sheet, 110, at, 70, str(top), secret)
        for k, digit in enumerate(reversed(digits)):
            _box(sheet, 190 + 140 * k, at, 130, _binary(digit, width), secret)
    _box(sheet, 520, y + 28, 200, f"t = {tops[0]} xor {tops[1]} = {looked.t}", True)

    y += 82
    _step(sheet, y + 34, "T3")
    signs = looked.tables["signs"]
    for k, i in enumerate((1, 0)):
        left = 62 + 428 * k
        sheet.text(left, y, f"digit {i}: {2**i} sign(place - {r[i]})", 11)
        _row(sheet, left, y + 34, [str(v) for v in signs[i]], e[i], 44)
    looks = [int(signs[i][e[i]]) for i in (1, 0)]
    _box(sheet, 62, y + 80, 200, f"D = {looks[0]} + {_signed(looks[1])} = {looked.D}", True)
    sheet.text(274, y + 84, "the sign of the highest digit that differs", 11, "m")

    y += 124
    r2, e2 = looked.run.material["r2"], looked.run.opened[1][0]
    _step(sheet, y, "T4")
    _box(sheet, 62, y, 230, f"D + 4 t = {looked.D + 4 * looked.t}", True)
    sheet.text(301, y + 4, "+", 13)
    _box(sheet, 318, y, 120, f"r2 = {r2}", True)
    sheet.text(447, y + 4, "=", 13)
    _box(sheet, 464, y, 120, f"e2 = {e2}", False, ring=True)
    sheet.text(592, y + 4, "opened, round 2", 10.5, "m")

    y += 52
    place, upper = e2 % 4, (e2 >> 2) & 1
    _step(sheet, y + 6, "T5")
    _row(sheet, 62, y + 6, [str(v) for v in looked.tables["half"]], place, 44)
    how = "one minus what stands there" if upper else "what stands there"
    sheet.text(262, y + 3, f"e2 mod 8 = {e2 % 8}: place {place}, {how}: {looked.bit}", 11.5)
    sheet.text(262, y + 20, f"(place j holds the top bit of j - {r2 % 8} modulo 8)", 10.5, "m")


def _signed(value: int) -> str:
    return f"({value})" if value < 0 else str(value)


def _row(
    sheet: Canvas, left: float, y: float, cells: Sequence[str], at: int, width: float
) -> None:
    """A table in shares, its places above it; the one that is looked up has a ring."""
    for k, text in enumerate(cells):
        sheet.text(left + width * (k + 0.5), y - 17, str(k), 10, "m", "middle")
        _box(sheet, left + width * k, y, width - 2, text, True, ring=k == at)


# -- bits -----------------------------------------------------------------------------------------


def _bits(sheet: Canvas, looked: LookUp) -> None:
    def column(j: int) -> float:
        return 104 + 112 * (BITS - 1 - j)

    y, wide = _BODY - 4, 104.0
    for j in range(BITS):
        name = f"position {j}" + (", the sign's" if j == BITS - 1 else "")
        sheet.text(column(j) + wide / 2, y - 6, name, 10.5, "m", "middle")
    rows = (("e'", looked.e, False), ("r'", looked.r, True), ("s", looked.e ^ looked.r, True))
    for row, (name, value, secret) in enumerate(rows):
        at = y + 12 + 27 * row
        sheet.text(92, at + 4, name, 12, "", "end")
        for j in range(BITS):
            _box(sheet, column(j), at, wide, str((value >> j) & 1), secret)
    _step(sheet, y + 93, "B2")
    for j, node in enumerate(looked.positions):
        _box(sheet, column(j), y + 93, wide, node.word, True)

    names = ("B3", "B4, round 2", "B4, round 3")
    middles = [column(j) + wide / 2 for j in range(BITS)]
    above = y + 105.0
    for number, level in enumerate(looked.levels):
        at = y + 152 + 58 * number
        _step(sheet, at, names[number])
        pairs = [middles[k : k + 2] for k in range(0, len(middles), 2)]
        middles = [sum(pair) / len(pair) for pair in pairs]
        for middle, pair, node in zip(middles, pairs, level, strict=True):
            for x in pair:
                sheet.line(x, above, middle, at - 12, "axis")
            root = len(level) == 1
            _box(sheet, middle - wide / 2, at, wide, node.word, True, ring=root)
        above = at + 12
    told = f"B5: nothing comes in, {looked.bit} goes out"
    sheet.text(middles[0] + wide / 2 + 12, above - 8, told, 11, "m")
    sheet.text(104, above + 40, "b is the borrow from below. Where the bits are equal it is handed "
               "on; where they differ, it does not matter.", 11, "m")  # fmt: skip


# -- function secret sharing ----------------------------------------------------------------------


def _fss(sheet: Canvas, looked: LookUp) -> None:
    depth, modulus = BITS - 1, 2 ** (BITS - 1)
    z, s = looked.e % modulus, looked.r % modulus
    y = _BODY
    _step(sheet, y, "F2")
    tops = [(v >> depth) & 1 for v in (looked.e, looked.r)]
    _box(sheet, 62, y, 200, f"t_e = {tops[0]}, z = low(e') = {z}", False)
    _box(sheet, 276, y, 200, f"t_r = {tops[1]}, low(r') = {s}", True)
    borrow = int(z < s)
    _box(sheet, 490, y, 180, f"z < low(r'): b = {borrow}", True)

    _step(sheet, y + 44, "F3")
    left, top, wide, tall = 30.0, y + 58, 448.0, 196.0
    tree = Panel(sheet, left, top, wide, tall, (0, modulus), (depth, 0))

    def at(level: int, prefix: int) -> tuple[float, float]:
        return tree.x((prefix + 0.5) * 2 ** (depth - level)), top + tall * level / depth

    def path(points: Sequence[tuple[float, float]]) -> str:
        return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points)

    edges = [(n, k) for n in range(1, depth + 1) for k in range(2**n)]
    sheet.path("".join(path([at(n - 1, k >> 1), at(n, k)]) for n, k in edges), "rule")
    for value, more in ((s, ' stroke-width="6" opacity=".35"'), (z, ' stroke-width="2.2"')):
        sheet.path(path([at(n, value >> (depth - n)) for n in range(depth + 1)]), "ink", more)
    for k in range(modulus):
        x = tree.x(k) + 0.8
        sheet.rect(x, top + tall + 4, 5.4, 12, "bars" if k < s else "badge")
        sheet.tip(f"z = {k}: {int(k < s)}")
    sheet.circle(*at(depth, z), 4, "dot")
    told = "leaves filled: z < low(r'). Thick: the way to low(r'), secret; thin: to z, public."
    sheet.text(left, top + tall + 34, told, 10.5, "m")

    x0, row = 512.0, top - 8
    heads = ((x0, "bits"), (x0 + 62, "server 0"), (x0 + 172, "server 1"), (x0 + 284, "sum so far"))
    for x, name in heads:
        sheet.text(x, row - 14, name, 10.5, "m")
    for visit in looked.walk:
        here = row + 8 + 31 * visit.depth
        prefix = f"{z >> (depth - visit.depth):0{visit.depth}b}" if visit.depth else "root"
        sheet.text(x0, here + 4, prefix, 11)
        for i in (0, 1):
            text = f"{visit.seeds[i]}.. | {visit.controls[i]}"
            _box(sheet, x0 + 58 + 110 * i, here, 102, text, True, points=11)
        sheet.text(x0 + 284, here + 4, str(visit.together), 11, "m" if visit.on_path else "",
                   "start", not visit.on_path)  # fmt: skip
    sheet.text(x0, row + 8 + 31 * depth + 29, "seed | control bit: different on the thick way, "
               "equal off it", 10.5, "m")  # fmt: skip
    t_e, t_r = tops
    total = t_r + (1 - 2 * t_r) * borrow
    sheet.text(62, top + tall + 72, f"The evaluation sums to (1 - 2 t_r) b = "
               f"{(1 - 2 * t_r) * borrow}. With t_r it makes t_r xor b = {total}, and with the "
               f"public t_e the sign: {t_e} xor {total} = {t_e ^ total}.", 11.5)  # fmt: skip


# -- one table ------------------------------------------------------------------------------------


def _one_table(sheet: Canvas, looked: LookUp) -> None:
    p, left, cell = looked.modulus, 62.0, 8.1
    _step(sheet, _BODY + 32, "2.")
    rows = (
        (f"not turned: filled where an element is negative; x = {looked.x} is {looked.x % p}",
         [int(a > p // 2) for a in range(p)], looked.x % p),
        (f"dealt: turned by r = {looked.r}, in shares; looked up at e = {looked.e}",
         looked.tables["table"].tolist(), looked.e),
    )  # fmt: skip
    for row, (told, table, at) in enumerate(rows):
        y = _BODY + 78 * row
        sheet.text(left, y, told, 11)
        for k, bit in enumerate(table):
            sheet.rect(left + cell * k, y + 9, cell - 1, 24, "bars" if bit else "badge")
        sheet.rect(left + cell * at - 2, y + 6, cell + 3, 30, "ink", 2, _RING)
        for k in (0, 25, 50, 75, 100):
            sheet.text(left + cell * (k + 0.5), y + 48, str(k), 10, "m", "middle")
