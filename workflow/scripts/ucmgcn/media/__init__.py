"""Reading photos and meshes; camera placements; images for HTML pages."""
