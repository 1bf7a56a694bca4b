"""The train stage: the network, its losses and its protocols."""
