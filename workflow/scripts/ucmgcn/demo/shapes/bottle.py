"""Bottles."""

from __future__ import annotations

import numpy as np

from ucmgcn.core.arrays import Floats
from ucmgcn.demo.solids import (
    Part,
    Parts,
    Rng,
    lathe,
    lift,
    loft,
    rod,
    spline,
    squircle,
    torus,
    tube,
)

_BOTTLES = {
    "bordeaux": (
        [(0.9, 0), (1.0, 0.03), (1.0, 0.6), (0.9, 0.68), (0.4, 0.76), (0.36, 1.0)],
        0.037,
        0.3,
    ),
    "burgundy": (
        [(0.9, 0), (1.0, 0.03), (1.0, 0.42), (0.75, 0.6), (0.38, 0.78), (0.33, 1.0)],
        0.041,
        0.3,
    ),
    "longneck": (
        [(0.92, 0), (1.0, 0.03), (1.0, 0.52), (0.85, 0.62), (0.45, 0.76), (0.4, 1.0)],
        0.031,
        0.235,
    ),
    "contour": (
        [(0.95, 0), (1.0, 0.1), (0.78, 0.3), (0.98, 0.5), (0.92, 0.62), (0.45, 0.8), (0.4, 1.0)],
        0.033,
        0.24,
    ),
    "water": (
        [(0.85, 0), (1.0, 0.04), (1.0, 0.62), (0.98, 0.7), (0.45, 0.9), (0.42, 1.0)],
        0.033,
        0.22,
    ),
    "whisky": (
        [(0.97, 0), (1.0, 0.03), (1.0, 0.62), (0.85, 0.7), (0.36, 0.76), (0.34, 1.0)],
        0.045,
        0.25,
    ),
    "champagne": (
        [(0.88, 0), (1.0, 0.05), (1.0, 0.36), (0.8, 0.55), (0.42, 0.78), (0.3, 1.0)],
        0.045,
        0.31,
    ),
    "jug": ([(0.9, 0), (1.0, 0.06), (1.03, 0.4), (0.9, 0.62), (0.4, 0.8), (0.34, 1.0)], 0.07, 0.26),
    "flask": (
        [(0.95, 0), (1.0, 0.03), (1.0, 0.78), (0.95, 0.82), (0.75, 0.88), (0.72, 1.0)],
        0.037,
        0.26,
    ),
    "milk": (
        [(0.95, 0), (1.0, 0.03), (1.0, 0.5), (0.9, 0.6), (0.55, 0.78), (0.55, 0.92), (0.62, 1.0)],
        0.042,
        0.22,
    ),
}


def bottle(rng: Rng, style: int) -> Parts:
    """Bottle: wine, beer, soft drink, water, spirits, sparkling wine, jug, flask or milk."""
    kind = list(_BOTTLES)[style % len(_BOTTLES)]
    shape, radius, height = _BOTTLES[kind]
    r, h = radius * rng.uniform(0.88, 1.14), height * rng.uniform(0.88, 1.12)
    knots = np.array(shape) * [r, h]
    knots[1:-2, 0] *= rng.uniform(0.95, 1.05, len(knots) - 3)
    profile = spline(knots, 48)
    finish = {"water": "clear", "flask": "steel", "milk": "milk"}.get(kind, "bottle")
    if kind == "water":
        grooves = (profile[:, 1] > 0.1 * h) & (profile[:, 1] < 0.6 * h)
        profile[:, 0] *= 1 - 0.04 * grooves * (np.sin(profile[:, 1] / h * 75) > 0)
    body = (
        _square(profile, finish)
        if kind == "whisky"
        else lathe([(0, 0), *profile, (0, h)], finish, 36)
    )
    neck = profile[-1, 0]
    parts = [body, torus(neck, neck * 0.16, (0, 0, h * 0.97), 2, finish)]
    parts += _stopper(rng, kind, neck, h)
    if kind == "jug":
        path = spline(
            [
                (neck, 0, h * 0.9),
                (r * 0.95, 0, h * 0.93),
                (r * 1.25, 0, h * 0.75),
                (r * 0.93, 0, h * 0.58),
            ],
            18,
        )
        parts.append(tube(path, r * 0.1, finish))
    if kind not in ("flask", "milk") and rng.random() < 0.85:
        parts.append(_label(rng, profile, r, h, kind))
    return parts


def _square(profile: Floats, finish: str) -> Part:
    """Bottle with a square body running into a round neck."""
    top = profile[:, 1].max()
    rings = [
        lift(squircle(2 * q, 2 * q, 7 - 5 * float(np.clip((z / top - 0.6) * 7, 0, 1)), 36), z)
        for q, z in profile
    ]
    return loft(np.stack(rings), finish)


def _label(rng: Rng, profile: Floats, r: float, h: float, kind: str) -> Part:
    """Paper band a hair above the glass."""
    low, high = h * rng.uniform(0.1, 0.2), h * rng.uniform(0.34, 0.46)
    z = np.linspace(low, high, 8)
    radii = np.interp(z, profile[:, 1], profile[:, 0]) + r * 0.015
    band = np.column_stack([radii, z])
    if kind == "whisky":
        side = squircle(2 * radii.max(), 2 * radii.max(), 7, 36)
        return loft(np.stack([lift(side, low), lift(side, high)]), "label")
    return lathe([(0, low), *band, (0, high)], "label", 36)


def _stopper(rng: Rng, kind: str, neck: float, h: float) -> Parts:
    """Cork, crown cap, screw cap or foil."""
    if kind in ("bordeaux", "burgundy", "champagne"):
        foil = lathe(
            [(0, h * 0.8), (neck * 1.12, h * 0.8), (neck * 1.12, h * 1.005), (0, h * 1.01)],
            "foil",
            28,
        )
        return (
            [foil]
            if rng.random() < 0.7
            else [rod((0, 0, h * 0.95), (0, 0, h + 0.015), neck * 0.8, "wood")]
        )
    if kind in ("longneck", "contour") and rng.random() < 0.6:
        return [
            lathe(
                [(0, h), (neck * 1.25, h - 0.004), (neck * 1.15, h + 0.003), (0, h + 0.004)],
                "foil",
                21,
            )
        ]
    tall = 0.04 if kind == "flask" else 0.018
    wide = neck * (1.08 if kind == "flask" else 1.2)
    return [
        lathe(
            [
                (0, h - 0.008),
                (wide, h - 0.008),
                (wide, h + tall),
                (wide * 0.9, h + tall + 0.002),
                (0, h + tall + 0.002),
            ],
            "plastic",
            24,
        )
    ]
