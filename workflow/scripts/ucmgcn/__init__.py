"""UCM-GCN: find the 3D model that a photo shows."""

import os

__version__ = "0.1.0"

# Libraries that call home, or write into the home folder, unless they are told not to before they
# are imported. Every process of this package inherits it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("DGLBACKEND", "pytorch")
