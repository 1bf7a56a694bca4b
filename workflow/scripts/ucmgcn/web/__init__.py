"""The web page: search a data set with a photo, and view the models in 3D."""
