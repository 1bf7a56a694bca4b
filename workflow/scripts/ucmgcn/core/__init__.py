"""What everything stands on: errors, progress, processes, devices, arrays."""
