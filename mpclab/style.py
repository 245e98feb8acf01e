"""One look for every diagram, figure and widget: who has which colour, and how sizes are written.

A server keeps its colour everywhere. The ten server colours start from those of Okabe and Ito and
were moved apart until they stay distinct with every common kind of colour blindness, each with a
contrast of at least 3 : 1 against its background; what they say is also said by a number or a
place. Phases have washed-out tints, which cannot be mistaken for a server.
"""

from __future__ import annotations

from mpclab.errors import InputError

__all__ = [
    "PHASES",
    "PUBLISHED_SECONDS",
    "Theme",
    "client_color",
    "dealer_color",
    "duration",
    "phase_color",
    "plural",
    "server_color",
    "size",
    "text_on",
    "text_width",
    "theme_colors",
]

PUBLISHED_SECONDS = 0.34
"""A recommendation from 10,000 users by two servers, online, as published (IEEE TIFS 2015)."""

Theme = str
"""Which background a colour is for: "light" or "dark"."""

PHASES = ("preprocess", "upload", "prepare", "online")
"""The phases of a computation, in their order."""

_SERVERS = {
    "light": (
        "#0A5BB5", "#B8250F", "#008B3E", "#D066AC", "#AF8F00",
        "#3F94F5", "#882255", "#939940", "#332288", "#7D8985",
    ),
    "dark": (
        "#4A9BE8", "#DD6A30", "#1FD39A", "#D9A0CB", "#F0B92B",
        "#D4F0FF", "#DB3B80", "#E8E36A", "#9674F4", "#8E93A3",
    ),
}  # fmt: skip
_CLIENT = {"light": "#2B2F36", "dark": "#E6E8EB"}
_DEALER = {"light": "#75603F", "dark": "#C9B48F"}
_PHASES = {
    "light": {
        "preprocess": "#8A8172", "upload": "#6B8A80", "prepare": "#8F7B93", "online": "#6F83A8",
    },
    "dark": {
        "preprocess": "#A89E8C", "upload": "#86A89D", "prepare": "#AE99B2", "online": "#8EA2C8",
    },
}  # fmt: skip
_OTHER_PHASE = {"light": "#808080", "dark": "#A0A0A0"}
_SURFACES = {
    "light": {
        "paper": "#FFFFFF", "ink": "#1D2026", "muted": "#5A616B", "line": "#C9CDD3",
        "band": "#F5F6F8", "step": "#EAECF0",
    },
    "dark": {
        "paper": "#15181E", "ink": "#ECEEF1", "muted": "#A3ABB6", "line": "#474D57",
        "band": "#1C2027", "step": "#272C35",
    },
}  # fmt: skip


def _themed(theme: Theme) -> Theme:
    if theme not in _SURFACES:
        raise InputError(f"the theme is {theme!r}: it is 'light' or 'dark'")
    return theme


def server_color(index: int, theme: Theme = "light") -> str:
    """The colour of server `index`, "#RRGGBB": ten distinct ones, then the same, paler or darker.

    >>> server_color(0), server_color(0, "dark")
    ('#0A5BB5', '#4A9BE8')
    >>> len({server_color(i) for i in range(30)})
    30
    """
    if index < 0:
        raise InputError(f"the server's index is {index}: it is an integer, 0 or more")
    colors = _SERVERS[_themed(theme)]
    turn, place = divmod(index, len(colors))
    other = "#000000" if theme == "light" else "#FFFFFF"
    return mix(colors[place], other, 1 - 0.72**turn)


def client_color(theme: Theme = "light") -> str:
    """The colour of clients: that of ink.

    >>> client_color()
    '#2B2F36'
    """
    return _CLIENT[_themed(theme)]


def dealer_color(theme: Theme = "light") -> str:
    """The colour of the dealer.

    >>> dealer_color()
    '#75603F'
    """
    return _DEALER[_themed(theme)]


def phase_color(phase: str, theme: Theme = "light") -> str:
    """The tint of a phase; phases of another name are grey.

    >>> phase_color("online"), phase_color("anything else")
    ('#6F83A8', '#808080')
    """
    return _PHASES[_themed(theme)].get(phase, _OTHER_PHASE[theme])


def theme_colors(theme: Theme = "light") -> dict[str, str]:
    """Paper, ink, muted ink, line, and the grounds of bands and steps.

    >>> theme_colors("dark")["paper"]
    '#15181E'
    """
    return dict(_SURFACES[_themed(theme)])


# -- arithmetic of colours ------------------------------------------------------------------------


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def mix(color: str, other: str, part: float) -> str:
    """`color` with `part` of another colour in it.

    >>> mix("#000000", "#FFFFFF", 0.5)
    '#808080'
    """
    pairs = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * part):02X}" for a, b in pairs)


def _luminance(color: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (v / 255 for v in _channels(color))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(color: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2).

    >>> round(contrast("#000000", "#FFFFFF"))
    21
    """
    low, high = sorted((_luminance(color), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def text_on(color: str) -> str:
    """Black or white, whichever is read better on this colour.

    >>> text_on("#0A5BB5"), text_on("#F0B92B")
    ('#FFFFFF', '#000000')
    """
    return max("#FFFFFF", "#000000", key=lambda text: contrast(color, text))


# -- sizes and times in words ---------------------------------------------------------------------


def _three_digits(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    text = f"{value:.1f}"
    return text if value < 10 and not text.endswith(".0") else f"{value:.0f}"


def size(count: float) -> str:
    """A number of bytes as people write it; 1 kB = 1,000 bytes.

    >>> size(115), size(5_446), size(864_422), size(1_567_714)
    ('115 B', '5.4 kB', '864 kB', '1.6 MB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= 0.9995 * factor:
            return f"{_three_digits(count / factor)} {unit}"
    return f"{_three_digits(count)} B"


def duration(seconds: float) -> str:
    """A time as people write it.

    >>> duration(0.00034), duration(0.0273), duration(0.34), duration(12)
    ('340 µs', '27 ms', '340 ms', '12 s')
    """
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= 0.9995 * factor:
            return f"{_three_digits(seconds / factor)} {unit}"
    return f"{_three_digits(max(seconds, 0) * 1e6)} µs"


def plural(count: int, noun: str) -> str:
    """A number and its noun.

    >>> plural(1, "round"), plural(10_000, "user")
    ('1 round', '10,000 users')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


# -- how wide a text is ---------------------------------------------------------------------------

# Advance widths of DejaVu Sans, the widest of the usual sans-serif fonts, for characters 32 to 126
# in thousandths of the font size. Whatever font is there, the text is not wider.
_WIDTHS = (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337,
    636, 636, 636, 636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531,
    1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787,
    603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500,
    500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612,
    635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
)  # fmt: skip
_BOLD = 1.13


def text_width(text: str, points: float, bold: bool = False) -> float:
    """At most how wide a text is, in the unit of the font size; for layouts without a font.

    >>> round(text_width("server 0", 10), 1)
    41.2
    """
    widths = (_WIDTHS[ord(c) - 32] if 32 <= ord(c) < 127 else 1000 for c in text)
    return sum(widths) / 1000 * points * (_BOLD if bold else 1)
