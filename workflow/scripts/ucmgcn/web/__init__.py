"""The web page: search a data set's models with a photo, and turn what is found in 3D."""
