"""The features stage: photos and views as vectors."""
