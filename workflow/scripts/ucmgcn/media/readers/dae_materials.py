"""Materials of COLLADA: the colour or texture of an effect's profile_COMMON."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree.ElementTree import Element

from PIL import Image

from ucmgcn.media.companions import Companions
from ucmgcn.media.mesh_warnings import NO_TEXTURE, warn_of
from ucmgcn.media.readers.dae_document import Document, children, numbers
from ucmgcn.media.readers.paint import Material
from ucmgcn.media.readers.textures import find_texture

SHADERS = ("phong", "lambert", "blinn", "constant")


class Skin(NamedTuple):
    """A material, and the name by which an instance binds its texture coordinates."""

    material: Material
    texcoord: str | None = None


class Materials:
    """Reads the materials of a document, each once."""

    def __init__(self, document: Document, companions: Companions) -> None:
        self._document, self._companions = document, companions
        self._known: dict[str, Skin | None] = {}
        self._pictures: dict[str, Image.Image | None] = {}

    def get(self, target: str | None) -> Skin | None:
        """Return the material that a url refers to; a missing one becomes a warning."""
        name = (target or "").removeprefix("#")
        if name not in self._known:
            self._known[name] = self._read(name)
            if self._known[name] is None:
                self._companions.warn_of_material(name)
        return self._known[name]

    def _read(self, name: str) -> Skin | None:
        material = self._document.find(name, "material")
        instance = next(children(material, "instance_effect"), None)
        effect = self._document.find(None if instance is None else instance.get("url"), "effect")
        if effect is None:
            return None
        shader = next((s for kind in SHADERS for s in effect.iter(kind)), None)
        # A surface that only emits light, such as a sign, has the colour of that light.
        slots = (
            ("diffuse", "emission")
            if shader is not None and shader.tag == "constant"
            else ("diffuse",)
        )
        for slot in slots:
            for part in children(shader, slot):
                if found := self._skin(name, effect, part):
                    return found
        return Skin(Material(name))

    def _skin(self, name: str, effect: Element, part: Element) -> Skin | None:
        texture = next(children(part, "texture"), None)
        colour = next(children(part, "color"), None)
        if texture is not None:
            image = self._image(effect, texture.get("texture"))
            return Skin(Material(name, image=image), texture.get("texcoord"))
        if colour is None:
            return None
        values = numbers(colour.text)[:3].tolist()
        return Skin(Material(name, tuple(values))) if len(values) == 3 else None

    def _image(self, effect: Element, name: str | None) -> Image.Image | None:
        """Follow sampler and surface to the image; some programs name the image at once."""
        params = {p.get("sid"): p for p in effect.iter("newparam")}
        for _ in range(2):
            param = params.get(name)
            if param is None:
                break
            inner = [*param.iter("source"), *param.iter("init_from"), *param.iter("ref")]
            instance = next(param.iter("instance_image"), None)
            name = (inner[0].text or "").strip() if inner else None
            name = instance.get("url") if instance is not None else name
        image = self._document.find(name, "image")
        file = None if image is None else next(image.iter("init_from"), None)
        named = next(file.iter("ref"), file) if file is not None else None
        path = (named.text or "").strip() if named is not None else ""
        if not path:
            warn_of(NO_TEXTURE, name or "")
            return None
        if path not in self._pictures:
            self._pictures[path] = find_texture(self._companions, [path])
        return self._pictures[path]
