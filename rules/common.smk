import math
import os
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, os.path.join(workflow.basedir, "workflow", "scripts"))

from snakemake.exceptions import WorkflowError

from ucmgcn.features.encoders.spec import encoder_spec
from ucmgcn.pipeline.config import parse_config
from ucmgcn.core.errors import UserError
from ucmgcn.pipeline.jobs import SNAKEMAKE_PID, check_writable, date_back, lock_run
from ucmgcn.pipeline.listing import DEMO, list_data
from ucmgcn.pipeline.provenance import code_digest, data_digest


def checked(function, *arguments):
    """Call a library function; a user's mistake becomes one line instead of a traceback."""
    try:
        return function(*arguments)
    except (UserError, PermissionError) as error:
        raise WorkflowError(str(error))


CONFIG = checked(parse_config, config)
LISTING = checked(list_data, CONFIG)
RESULTS = f"results/{CONFIG.dataset}"
BACKBONE = encoder_spec(CONFIG.features).slug
FEATURES = f"{RESULTS}/features/{BACKBONE}"
TRAINED = f"{RESULTS}/runs/ucm-gcn/seed-{{seed}}"
GRAPH = f"{RESULTS}/graph/{BACKBONE}"
MODEL_SHARDS = [f"{shard:03d}" for shard in range(CONFIG.shards.models)]
IMAGE_SHARDS = [f"{shard:03d}" for shard in range(CONFIG.shards.images)]
SOURCE = CONFIG.source
DATA = [str(DEMO)] if CONFIG.uses_demo else []
DATA += [str(SOURCE.unpacked)] if CONFIG.kind == "sweethome3d" else []
POINTS = (
    [f"{RESULTS}/points/shard-{shard}.h5" for shard in MODEL_SHARDS]
    if CONFIG.kind == "3d-future"
    else []
)
GIVEN_VIEWS = CONFIG.kind == "mi3dor"
LEARNED = ("ucm-gcn", "propagation")
ENVIRONMENT = f"../envs/{'gpu' if CONFIG.device == 'cuda' else 'cpu'}.yaml"

if workflow.is_main_process:
    for place in (RESULTS, *DATA):
        checked(date_back, Path(place))

# Jobs end with the process that started them, see ucmgcn.pipeline.jobs.
os.environ[SNAKEMAKE_PID] = str(os.getpid())


# In the main process of a real run only: not for a dry run, nor in the jobs. The profiles turn
# Snakemake's own lock off.
onstart:
    for place in (RESULTS, *DATA):
        checked(lock_run, Path(".snakemake"), place)
        checked(check_writable, Path(place))


wildcard_constraints:
    shard=r"\d{3}",
    seed=r"\d+",


def plain(settings):
    """Fields of a dataclass as the plain values that Snakemake compares between runs."""
    fields = asdict(settings)
    return {k: str(v) if isinstance(v, Path) else v for k, v in fields.items()}


def section(name, without=""):
    """Settings of one stage, as the plain values that Snakemake compares between runs."""
    settings = asdict(getattr(CONFIG, name))
    return {key: value for key, value in settings.items() if key != without}


def code_of(*entries):
    """Digest of the code that a stage runs, as a parameter; computed for the jobs that are planned."""
    return lambda wildcards: code_digest(*entries)


def grown(amount):
    """A resource that doubles with every attempt: a job that was killed for want of it gets more."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


def given_cores():
    """Cores that a run on this machine was given; none for a report or a cluster.

    A cluster's job is told its node's: with these a rule would want more than its job was granted.
    """
    return workflow.resource_settings.cores if workflow.is_main_process else None


def cores_each(jobs):
    """Cores for each of some jobs that run side by side: all of the machine's, shared out; else one."""
    return max(1, (given_cores() or 1) // jobs)


def cores_for(jobs, parts):
    """Cores for each of some jobs, of so many equal parts on one core each, so that all end soonest.

    All that a job can use where no number of cores is given, as on a cluster.
    """
    cores = given_cores() or jobs * parts

    def rounds(each):
        return math.ceil(jobs / (cores // each)) * math.ceil(parts / each)

    return min(range(1, min(parts, cores) + 1), key=rounds)


# The manifest is no input of the stages that read files: they list their shard's files themselves.
# Every row of it would rerun all of them, and ancient() would hide the digests of the shards.
FILES = plain(SOURCE.files)
