"""The adapt stage: the graph teaches the encoder's last blocks."""
