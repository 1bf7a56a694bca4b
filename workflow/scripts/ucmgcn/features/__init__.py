"""The features stage: feature vectors of photos and views."""
