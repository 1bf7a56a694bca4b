"""Which files are meshes and photos, by their extension and by Pillow's decoder."""

from __future__ import annotations

MESH_SUFFIXES = (".obj", ".off", ".ply", ".stl", ".glb", ".gltf", ".dae")
PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".jp2"}
)
# Pillow's other decoders either start a program (EPS) or read what is no photo.
PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA")
# Textures that are no photos: they lie beside meshes.
TEXTURE_SUFFIXES = frozenset({".tga", ".dds", ".hdr", ".exr", ".ktx2"})
