import os
import sys
from dataclasses import asdict

sys.path.insert(0, os.path.join(workflow.basedir, "workflow", "scripts"))

from snakemake.exceptions import WorkflowError

from ucmgcn.config import parse_config
from ucmgcn.errors import UserError
from ucmgcn.listing import DEMO, list_data
from ucmgcn.provenance import code_digest, data_digest


def checked(function, *arguments):
    """Call a library function; a user's mistake becomes one line instead of a traceback."""
    try:
        return function(*arguments)
    except UserError as error:
        raise WorkflowError(str(error))


CONFIG = checked(parse_config, config)
LISTING = checked(list_data, CONFIG)
RESULTS = f"results/{CONFIG.dataset}"
FEATURES = f"{RESULTS}/features/{CONFIG.features.backbone}"
GRAPH = f"{RESULTS}/graph/{CONFIG.features.backbone}"
MODEL_SHARDS = [f"{shard:03d}" for shard in range(CONFIG.shards.models)]
IMAGE_SHARDS = [f"{shard:03d}" for shard in range(CONFIG.shards.images)]
DATA = [str(DEMO)] if CONFIG.uses_demo else []
LEARNED = ("ucm-gcn", "propagation")
ENVIRONMENT = f"../envs/{'gpu' if CONFIG.device == 'cuda' else 'cpu'}.yaml"


wildcard_constraints:
    shard=r"\d{3}",
    seed=r"\d+",


def section(name, without=""):
    """Settings of one stage, as the plain values that Snakemake compares between runs."""
    settings = asdict(getattr(CONFIG, name))
    return {key: value for key, value in settings.items() if key != without}
