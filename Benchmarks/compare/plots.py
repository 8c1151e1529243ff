"""Results as pictures: SVG written by hand, legible on white and on dark ground."""

import math
from html import escape

from compare.figures import FIGURES

COLOURS = {"direct": "#8c8c8c", "own": "#1f6fb4", "peer": "#d08a1d"}
LINES = ["#1f6fb4", "#d0451d", "#2a8f4f", "#8b5fbf", "#d08a1d", "#16929b", "#b0397f", "#6b6b6b", "#a05a2c", "#4f7f00",
         "#0f3f7f", "#c08fa0", "#7f7f00"]
FONT = 'font-family="sans-serif" font-size="13"'

_ROW, _BAR = 26, 16
_LEFT, _WIDTH, _RIGHT = 170, 460, 190


def _document(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" {FONT}>\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
            + "\n".join(parts) + "\n</svg>\n")


def _text(x, y, text, anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#222222" {more}>{escape(text)}</text>'


def _line(x1, y1, x2, y2, colour="#222222", width=1.5):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def compact(value, digits):
    """A figure as a label has room for."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.1f} M"
    return f"{value / 1e3:.1f} k" if abs(value) >= 1e4 else f"{value:.{digits}f}"


# Bars

def bars(results, workload):
    """A panel of bars for each figure that is plotted: medians, with a whisker from the least to the greatest round."""
    parts = [_text(12, 24, f"{workload.name}: {workload.title}", more='font-weight="bold" font-size="15"')]
    top = 44
    for key in workload.plotted:
        panel, height = _panel(results, workload.name, key, top)
        parts += panel
        top += height
    return _document(_LEFT + _WIDTH + _RIGHT, top, parts)


def _panel(results, workload, key, top):
    figure = FIGURES[key]
    rows = [candidate for candidate in results.candidates if results.of(workload, candidate.name)]
    measured = {candidate.name: results.values(workload, candidate.name, key) for candidate in rows}
    if key.startswith("relay_"):
        rows = [candidate for candidate in rows if candidate.kind != "direct"]
    longest = max((value for values in measured.values() for value in values), default=0) or 1
    better = "more is better" if figure.more_is_better else "less is better"
    parts = [_text(12, top + 14, f"{figure.title}{', ' * bool(figure.unit)}{figure.unit} ({better})")]
    for place, candidate in enumerate(rows):
        y = top + 24 + place * _ROW
        parts.append(_text(_LEFT - 8, y + _BAR - 3, candidate.name, "end"))
        values = measured[candidate.name]
        if not values:
            parts.append(_text(_LEFT + 6, y + _BAR - 3, "FAILED", more='font-weight="bold"'))
            continue
        median = results.median(workload, candidate.name, key)
        parts += _bar(y, median, values, longest, figure, COLOURS[candidate.kind])
    return parts, 24 + len(rows) * _ROW + 16


def _bar(y, median, values, longest, figure, colour):
    def x(value):
        return _LEFT + _WIDTH * max(0.0, value) / longest
    middle = y + _BAR / 2
    low, high = x(min(values)), x(max(values))
    label = compact(median, figure.digits)
    if len(values) > 1:
        label += f" ({compact(min(values), figure.digits)}–{compact(max(values), figure.digits)})"
    return [f'<rect x="{_LEFT}" y="{y}" width="{x(median) - _LEFT:.1f}" height="{_BAR}" fill="{colour}"/>',
            _line(low, middle, high, middle), _line(low, middle - 4, low, middle + 4),
            _line(high, middle - 4, high, middle + 4), _text(max(high, x(median)) + 8, y + _BAR - 3, label)]


# Growth

def growth(results, chosen, key="relay_cpu_per_request"):
    """One line for each relay over the number of active connections, which grows in powers."""
    width, height, left, top, right, bottom = 820, 460, 70, 50, 170, 60
    flows = [workload.pairs for workload in chosen]
    lines = []
    for candidate in results.candidates:
        points = [(workload.pairs, workload.name) for workload in chosen
                  if results.values(workload.name, candidate.name, key)]
        if points:
            lines.append((candidate, points))
    highest = max((value for candidate, points in lines for _, name in points
                   for value in results.values(name, candidate.name, key)), default=1) or 1
    step = _step(highest)
    ceiling = step * math.ceil(highest / step)
    low, high = math.log(min(flows)), math.log(max(max(flows), min(flows) + 1))

    def x(count):
        return left + (width - left - right) * (math.log(count) - low) / (high - low)

    def y(value):
        return height - bottom - (height - top - bottom) * value / ceiling

    figure = FIGURES[key]
    parts = [_text(12, 24, f"{figure.title}, {figure.unit}, over active connections (64 B requests; less is better)",
                   more='font-weight="bold" font-size="15"')]
    for number in range(round(ceiling / step) + 1):
        value = number * step
        parts += [_line(left, y(value), width - right, y(value), "#dddddd", 1),
                  _text(left - 8, y(value) + 4, f"{value:g}", "end")]
    for count in flows:
        parts += [_line(x(count), height - bottom, x(count), height - bottom + 5),
                  _text(x(count), height - bottom + 22, str(count), "middle")]
    parts.append(_text((left + width - right) / 2, height - 14, "active connections", "middle"))
    ends = []
    for number, (candidate, points) in enumerate(lines):
        parts += _curve(results, candidate, points, key, x, y, LINES[number % len(LINES)])
        ends.append((y(results.median(points[-1][1], candidate.name, key)), x(points[-1][0]), candidate.name,
                     LINES[number % len(LINES)]))
    return _document(width, height, parts + _labels(ends))


def _curve(results, candidate, points, key, x, y, colour):
    places = [(x(count), y(results.median(name, candidate.name, key))) for count, name in points]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    width = 3.5 if candidate.kind == "own" else 1.5
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>']
    for (count, name), (a, b) in zip(points, places):
        values = results.values(name, candidate.name, key)
        parts += [_line(a, y(min(values)), a, y(max(values)), colour, 1),
                  f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>']
    return parts


def _labels(ends):
    """Names at the ends of their lines, moved apart where they would overlap."""
    parts, last = [], {}
    for y, x, name, colour in sorted(ends):
        last[x] = max(y + 4, last.get(x, -math.inf) + 15)
        parts.append(_text(x + 10, last[x], name).replace("#222222", colour))
    return parts


def _step(highest):
    """A round number that divides the axis into four to ten parts."""
    power = 10 ** math.floor(math.log10(highest))
    return next(power * part for part in (0.1, 0.2, 0.5, 1) if highest / (power * part) <= 10)
