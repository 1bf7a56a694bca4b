"""The render stage: views of meshes."""
