"""What the rules and their adapters need: configuration, listings, digests, jobs, logs."""
