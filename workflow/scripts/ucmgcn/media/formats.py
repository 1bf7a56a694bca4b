"""Formats of meshes and photos: file extensions and Pillow decoders."""

from __future__ import annotations

# Read by packages of the extra `formats`.
EXTRA_SUFFIXES = (".fbx", ".usd", ".usda", ".usdc", ".usdz", ".3mf", ".step", ".stp")
MESH_SUFFIXES = (".obj", ".off", ".ply", ".stl", ".glb", ".gltf", ".dae", *EXTRA_SUFFIXES)
# Of a model in several formats: materials, textures and the up axis first, bare triangles last.
RICHEST_FIRST = (
    ".glb", ".gltf", ".usdz", ".usdc", ".usda", ".usd", ".fbx", ".dae", ".obj", ".3mf",
    ".step", ".stp", ".ply", ".off", ".stl",
)  # fmt: skip
# Of the data set's folder, of `ucmgcn query`, and of the page's file dialogue.
PHOTO_SUFFIXES = frozenset(
    {
        ".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg",
        ".jxl", ".mpo", ".pgm", ".png", ".ppm", ".tga", ".tif", ".tiff", ".webp",
    }
)  # fmt: skip
# Pillow's other decoders start a program (EPS) or read formats that are not photos. Of a JPEG with
# several pictures (MPO) the decoder of JPEG reads the first.
PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA")
PHOTO_FORMATS = (*PILLOW_FORMATS, "HEIC", "JPEG XL")
# Texture formats that are not photo formats; such files lie beside meshes.
TEXTURE_SUFFIXES = frozenset({".tga", ".dds", ".hdr", ".exr", ".ktx2"})
