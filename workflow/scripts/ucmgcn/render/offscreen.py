"""All views of an object in one pass: a pyrender renderer that draws a column of tiles.

pyrender draws one view per call: it shades 4 samples per pixel with a physically based shader, then
reads back colour and depth. Without a GPU this takes nearly all the time. Here every view is an
instance of one mesh, which the vertex shader moves to its tile; one draw call and one read-back of
the colours yield all views. Flat normals come from screen-space derivatives, so that vertices stay
shared. Antialiasing: draw larger, and scale down with a linear filter.

Tile i lies i tiles above the bottom, upside down. OpenGL reads a frame from the bottom up, so the
frame in memory already is the array of views.

Import this only after `ucmgcn.render.gl.select_platform`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import OpenGL.GL as gl
import pyrender
from pyrender.constants import BufFlags, RenderFlags, TexFlags
from pyrender.shader_program import ShaderProgram

VERTEX = """
layout(location = 0) in vec3 position;
#ifdef TEXCOORD_LOC
layout(location = TEXCOORD_LOC) in vec2 texcoord;
out vec2 uv;
#endif
#ifdef COLOR_LOC
layout(location = COLOR_LOC) in vec4 color;
out vec4 tint;
#endif
layout(location = INSTANCE_LOC) in mat4 world_to_eye;
uniform mat4 P;
uniform float tiles;
out vec3 eye;

void main() {
    vec4 point = world_to_eye * vec4(position, 1.0);
    eye = point.xyz;
    gl_Position = P * point;
    float offset = 2.0 * float(gl_InstanceID) + 1.0 - tiles;
    gl_Position.y = (offset * gl_Position.w - gl_Position.y) / tiles;
#ifdef TEXCOORD_LOC
    uv = texcoord;
#endif
#ifdef COLOR_LOC
    tint = color;
#endif
}
"""

FRAGMENT = """
struct Material { vec4 base_color_factor; sampler2D base_color_texture; };
struct Light { vec3 color; float intensity; vec3 direction; };
uniform Material material;
uniform vec3 ambient_light;
uniform Light directional_lights[LIGHTS];
in vec3 eye;
#ifdef TEXCOORD_LOC
in vec2 uv;
#endif
#ifdef COLOR_LOC
in vec4 tint;
#endif
out vec4 frag_color;

void main() {
    vec4 albedo = material.base_color_factor;
#ifdef HAS_TEXTURE
    albedo *= texture(material.base_color_texture, uv);
    if (albedo.a < 0.5) discard;
#endif
#ifdef COLOR_LOC
    albedo *= tint;
#endif
    vec3 normal = normalize(cross(dFdx(eye), dFdy(eye)));
    if (dot(normal, eye) > 0.0) normal = -normal;
    vec3 light = ambient_light;
    for (int i = 0; i < LIGHTS; i++) {
        float lambert = max(dot(normal, -directional_lights[i].direction), 0.0);
        light += lambert * directional_lights[i].intensity * directional_lights[i].color;
    }
    frag_color = vec4(min(albedo.rgb * light, 1.0), 1.0);
}
"""


class OrderedScene(pyrender.Scene):  # type: ignore[misc]
    """A scene that sorts its lights by name.

    pyrender keeps nodes in a set, in the order of their addresses; the rounding of the sum of the
    lights would then vary from run to run.
    """

    @property
    def light_nodes(self) -> list[pyrender.Node]:
        """Nodes with a light, sorted by name."""
        return sorted(super().light_nodes, key=lambda node: node.name)


class TileProgram(ShaderProgram):  # type: ignore[misc]
    """pyrender's program wrapper, given the source instead of a file name."""

    def _load(self, shader_filename: str) -> str:
        defines = "".join(f"#define {k} {v}\n" for k, v in self.defines.items())
        return f"#version 330 core\n{defines}{shader_filename}"


class TileRenderer(pyrender.Renderer):  # type: ignore[misc]
    """Draws instance i of each mesh into tile i."""

    def __init__(self, tiles: int, size: int, drawn: int) -> None:
        super().__init__(drawn, tiles * drawn)
        self._tiles, self._size, self._drawn = tiles, size, drawn
        self._framebuffers_ready = False
        self._lights = 0
        self._programs: dict[tuple[tuple[str, int], ...], TileProgram] = {}

    def render(
        self, scene: pyrender.Scene, flags: int, seg_node_map: None = None
    ) -> npt.NDArray[np.uint8]:
        """Draw the scene's instances; return colours and coverage, shape (tiles, size, size, 4)."""
        self._lights = len(scene.directional_light_nodes)
        frame: npt.NDArray[np.uint8] = super().render(scene, flags, seg_node_map)
        return frame

    def delete(self) -> None:
        """Free the OpenGL objects."""
        for program in self._programs.values():
            program.delete()
        self._programs = {}
        super().delete()

    def _get_primitive_program(
        self, primitive: pyrender.Primitive, flags: int, program_flags: int
    ) -> TileProgram:
        defines = {"LIGHTS": self._lights, **_attributes(primitive)}
        key = tuple(defines.items())
        if key not in self._programs:
            self._programs[key] = TileProgram(VERTEX, FRAGMENT, defines=defines)
            self._programs[key]._add_to_context()
        program = self._programs[key]
        program._bind()
        program.set_uniform("tiles", float(self._tiles))
        return program

    def _configure_main_framebuffer(self) -> None:
        if self._framebuffers_ready:
            return
        large = _framebuffer(self._drawn, self._tiles * self._drawn)
        small = _framebuffer(self._size, self._tiles * self._size)
        self._main_fb_ms, self._main_cb_ms, self._main_db_ms = large
        self._main_fb, self._main_cb, self._main_db = small
        self._framebuffers_ready = True

    def _read_main_framebuffer(self, scene: pyrender.Scene, flags: int) -> npt.NDArray[np.uint8]:
        large = (0, 0, self._drawn, self._tiles * self._drawn)
        small = (0, 0, self._size, self._tiles * self._size)
        gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, self._main_fb_ms)
        if large != small:
            gl.glBindFramebuffer(gl.GL_DRAW_FRAMEBUFFER, self._main_fb)
            gl.glBlitFramebuffer(*large, *small, gl.GL_COLOR_BUFFER_BIT, gl.GL_LINEAR)
            gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, self._main_fb)
        pixels = gl.glReadPixels(*small, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE)
        return np.frombuffer(pixels, np.uint8).reshape(self._tiles, self._size, self._size, 4)


class TileContext(pyrender.OffscreenRenderer):  # type: ignore[misc]
    """An offscreen context that draws tiles; one at a time per process.

    Parameters
    ----------
    tiles
        Number of tiles.
    size
        Width and height of a tile, pixels.
    drawn
        Width and height of a tile before it is scaled down to `size`; at most twice `size`.
    """

    _renderer: pyrender.Renderer

    def __init__(self, tiles: int, size: int, drawn: int) -> None:
        self._layout = (tiles, size, drawn)
        super().__init__(drawn, tiles * drawn)

    def _create(self) -> None:
        super()._create()
        self._renderer.delete()
        self._renderer = TileRenderer(*self._layout)

    def render_tiles(
        self, scene: pyrender.Scene, *, wireframe: bool = False
    ) -> npt.NDArray[np.uint8]:
        """Draw the scene's instances; return shape (tiles, size, size, 4), read-only.

        The last channel is the coverage: 0 where nothing was drawn.
        """
        flags = RenderFlags.OFFSCREEN | RenderFlags.SKIP_CULL_FACES
        if wireframe:
            flags |= RenderFlags.ALL_WIREFRAME
        self._platform.make_current()
        tiles: npt.NDArray[np.uint8] = self._renderer.render(scene, flags)
        return tiles


def _attributes(primitive: pyrender.Primitive) -> dict[str, int]:
    """Locations of the vertex attributes, in the order in which pyrender uploads them."""
    flags = primitive.buf_flags
    names = {
        "NORMAL_LOC": BufFlags.NORMAL,
        "TANGENT_LOC": BufFlags.TANGENT,
        "TEXCOORD_LOC": BufFlags.TEXCOORD_0,
        "TEXCOORD_1_LOC": BufFlags.TEXCOORD_1,
        "COLOR_LOC": BufFlags.COLOR_0,
    }
    present = [name for name, flag in names.items() if flags & flag]
    defines = {name: location for location, name in enumerate(present, 1)}
    defines["INSTANCE_LOC"] = len(present) + 1
    if "TEXCOORD_LOC" in defines and primitive.material.tex_flags & TexFlags.BASE_COLOR:
        defines["HAS_TEXTURE"] = 1
    return defines


def _framebuffer(width: int, height: int) -> tuple[Any, Any, Any]:
    colour, depth = gl.glGenRenderbuffers(2)
    frame = gl.glGenFramebuffers(1)
    gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, frame)
    for buffer, form, point in (
        (colour, gl.GL_RGBA8, gl.GL_COLOR_ATTACHMENT0),
        (depth, gl.GL_DEPTH_COMPONENT24, gl.GL_DEPTH_ATTACHMENT),
    ):
        gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, buffer)
        gl.glRenderbufferStorage(gl.GL_RENDERBUFFER, form, width, height)
        gl.glFramebufferRenderbuffer(gl.GL_FRAMEBUFFER, point, gl.GL_RENDERBUFFER, buffer)
    return frame, colour, depth
