"""Material libraries of OBJ files (MTL)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from PIL import Image

from ucmgcn.media.companions import Companions
from ucmgcn.media.readers.paint import Material
from ucmgcn.media.readers.text import plain, spellings
from ucmgcn.media.readers.textures import find_texture

MAPS = (b"map_kd", b"map_ke", b"map_ka")
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
# Options of map statements with their arguments; -o, -s and -t take one to three.
OPTION = re.compile(
    rf"-(?P<vector>[ost])(?P<values>(?: +{NUMBER}(?= |$)){{1,3}}) *"
    rf"|-mm(?: +{NUMBER}(?= |$)){{1,2}} *"
    rf"|-(?:boost|texres|bm) +{NUMBER} *"
    r"|-(?:blendu|blendv|cc|clamp) +(?:on|off) *"
    rf"|-imfchan +[rgbmlz] *|-type +\w+ *|-\w+(?: +(?:on|off|{NUMBER})(?= |$))* +"
)


@dataclass
class _Entry:
    """A material as the file has it."""

    colour: tuple[float, ...] | None = None
    glow: tuple[float, ...] | None = None
    folder: str = ""
    maps: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def texture(self) -> bytes:
        """The picture that colours the surface: diffuse, else emitted, else ambient."""
        return next((self.maps[key] for key in MAPS if self.maps.get(key)), b"")

    @property
    def rgb(self) -> tuple[float, ...] | None:
        """The diffuse colour, or that of a black surface's own light."""
        black = self.colour is not None and not any(self.colour)
        return self.glow if black and self.glow and any(self.glow) else self.colour


def read_materials(
    libraries: Sequence[bytes], used: Sequence[bytes], companions: Companions
) -> dict[bytes, Material]:
    """Read the materials that an OBJ file uses; what is missing becomes a warning.

    Parameters
    ----------
    libraries
        The texts of its mtllib lines.
    used
        The names in its usemtl lines.
    companions
        Finds the libraries and the textures.

    Returns
    -------
    By name. If the file uses none by name and there is just one, it is the empty name's.
    """
    entries: dict[str, _Entry] = {}
    for library in dict.fromkeys(libraries):
        for folder, text in _libraries(library, companions):
            entries.update(_entries(text, folder))
    folded = {name.casefold(): entry for name, entry in entries.items()}
    pictures = _Pictures(companions)
    found = {}
    for name in used:
        spelt = spellings(name)
        entry = _first(entries, spelt) or _first(folded, [n.casefold() for n in spelt])
        if entry is None:
            companions.warn_of_material(spelt[0])
        else:
            found[name] = pictures.material(spelt[0], entry)
    if not used and len({id(entry) for entry in entries.values()}) == 1:
        ((only, entry), *_) = entries.items()
        found[b""] = pictures.material(only, entry)
    return found


def _first(entries: dict[str, _Entry], names: Sequence[str]) -> _Entry | None:
    return next((entries[name] for name in names if name in entries), None)


def _libraries(names: bytes, companions: Companions) -> Iterator[tuple[str, bytes]]:
    """Yield the libraries that an mtllib line names, with their folders; names may hold spaces."""
    several = [n.strip() for n in re.split(rb"(?<=\.mtl)\s+", names, flags=re.IGNORECASE)]
    whole = companions.has_any(spellings(names))
    for name in [names] if whole or not several else several:
        spelt = spellings(name)
        # The extension may lack, and a mesh renamed has a library of its former name.
        others = [f"{spelt[0]}.mtl", f"{companions.stem}.mtl"]
        folder = str(PurePosixPath(spelt[0].replace("\\", "/")).parent)
        try:
            yield folder, companions.get_any([*spelt, *others])
        except (OSError, ValueError):
            continue  # `Companions` has recorded it


def _entries(library: bytes, folder: str) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    entry = _Entry()
    for line in plain(library).split(b"\n"):
        key, _, rest = line.strip().partition(b" ")
        word, rest = key.lower(), rest.strip()
        if word == b"newmtl":
            entry = _Entry(folder=folder)
            entries.update(dict.fromkeys(spellings(rest), entry))
        elif word == b"kd":
            entry.colour = _colour(rest) or entry.colour
        elif word == b"ke":
            entry.glow = _colour(rest)
        elif word in MAPS:
            entry.maps[word] = rest
    return entries


def _colour(values: bytes) -> tuple[float, ...] | None:
    """Return the colour of a Kd line, from 0 to 1; one value is a grey."""
    try:
        numbers = [float(value) for value in values.replace(b",", b".").split()[:3]]
    except ValueError:
        return None  # a spectral curve
    if len(numbers) not in (1, 3):
        return None
    rgb = numbers * 3 if len(numbers) == 1 else numbers
    return tuple(value / 255 for value in rgb) if max(rgb) > 1 else tuple(rgb)


class _Pictures:
    """Makes materials; each texture is read once."""

    def __init__(self, companions: Companions) -> None:
        self._companions = companions
        self._read: dict[tuple[str, ...], Image.Image | None] = {}

    def material(self, name: str, entry: _Entry) -> Material:
        """Return a material with its texture, if it has one that can be read."""
        if not entry.texture:
            return Material(name, entry.rgb)
        spelt = spellings(entry.texture)
        scale, offset = (1.0, 1.0), (0.0, 0.0)
        if not self._companions.has_any(spelt):
            split = [_options(text) for text in spelt]
            spelt, scale, offset = [rest for rest, _, _ in split], *split[0][1:]
        # A library in another folder may name them relative to that.
        below = [f"{entry.folder}/{one}" for one in spelt]
        return Material(name, entry.rgb, self._picture((*spelt, *below)), scale, offset)

    def _picture(self, names: tuple[str, ...]) -> Image.Image | None:
        if names not in self._read:
            self._read[names] = find_texture(self._companions, names)
        return self._read[names]


def _options(text: str) -> tuple[str, tuple[float, float], tuple[float, float]]:
    """Split the options off a map statement; return the file's name, scale and offset."""
    vectors = {"s": (1.0, 1.0), "o": (0.0, 0.0)}
    while option := OPTION.match(text):
        if option["vector"] in vectors:
            default = vectors[option["vector"]]
            values = [float(v) for v in option["values"].split()]
            vectors[option["vector"]] = (values[0], values[1] if len(values) > 1 else default[1])
        text = text[option.end() :]
    return text, vectors["s"], vectors["o"]
