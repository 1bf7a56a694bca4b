"""Formats of meshes and photos: file extensions and Pillow decoders."""

from __future__ import annotations

MESH_SUFFIXES = (".obj", ".off", ".ply", ".stl", ".glb", ".gltf", ".dae")
# Of a model in several formats: materials, textures and the up axis first, bare triangles last.
RICHEST_FIRST = (".glb", ".gltf", ".dae", ".obj", ".ply", ".off", ".stl")
PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".jp2"}
)
# Pillow's other decoders start a program (EPS) or read formats that are not photos.
PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA")
# Texture formats that are not photo formats; such files lie beside meshes.
TEXTURE_SUFFIXES = frozenset({".tga", ".dds", ".hdr", ".exr", ".ktx2"})
