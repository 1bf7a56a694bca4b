"""Photos, meshes, cameras and pictures."""
