"""Encoders: from square RGB images to feature vectors."""
