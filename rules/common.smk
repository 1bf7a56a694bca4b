import os
import sys
from dataclasses import asdict

# Beside this file, also where another Snakefile uses this one as a module.
sys.path.insert(0, str(workflow.current_basedir.join("../workflow/scripts")))

from snakemake.exceptions import WorkflowError

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.kinds.furniture_package import FETCHED
from ucmgcn.features.encoders.spec import encoder_spec
from ucmgcn.pipeline.config import as_typed, check_place, parse_config, plain
from ucmgcn.pipeline.cores import share_cores, soonest_cores
from ucmgcn.pipeline.jobs import SNAKEMAKE_PID, begin_run
from ucmgcn.pipeline.listing import DEMO
from ucmgcn.pipeline.plan import Plan
from ucmgcn.pipeline.provenance import code_digest, data_digest


class Mistake(WorkflowError):
    """A user's mistake, of which Snakemake shows the message alone."""

    # Else it adds where in the rules the mistake was noticed, which mends nothing.
    __traceback__ = property(lambda self: None, lambda self, trace: None)


def checked(function, *arguments):
    """Call a library function; a user's mistake becomes one line instead of a traceback."""
    try:
        return function(*arguments)
    except (UserError, OSError) as error:
        raise Mistake(str(error))


def given_cores():
    """Cores that a run on this machine was given; None where there are none, and in a job.

    None are given for a report or on a cluster, whose jobs are told their node's: with these a rule
    would want more than its job was granted.
    """
    try:
        return workflow.cores if workflow.is_main_process else None
    except WorkflowError:
        return None


checked(check_place, str(workflow.basedir))
GIVEN = workflow.config_settings
CONFIG = checked(parse_config, as_typed(config, GIVEN.config, GIVEN.config_args or []))
PLAN = Plan(CONFIG, is_job=not workflow.is_main_process)
# Here a mistake in the data is one line; in a rule's function it would be a traceback.
if workflow.is_main_process:
    checked(lambda: PLAN.listing)
CORES = given_cores()
RESULTS = f"results/{CONFIG.dataset}"
BACKBONE = encoder_spec(CONFIG.features).slug
FEATURES = f"{RESULTS}/features/{BACKBONE}"
TRAINED = f"{RESULTS}/runs/ucm-gcn/seed-{{seed}}"
ADAPTED = f"{RESULTS}/adapt/{BACKBONE}"
GRAPH = f"{RESULTS}/graph/{BACKBONE}"
MODEL_SHARDS = [f"{shard:03d}" for shard in range(CONFIG.shards.models)]
SOURCE = CONFIG.source
# Without photos nothing is described of them, nothing is trained, and nothing is measured.
PHOTOS = SOURCE.images is not None
IMAGE_SHARDS = [f"{shard:03d}" for shard in range(CONFIG.shards.images * PHOTOS)]
SEEDS = CONFIG.train.seeds if PHOTOS else ()
ADAPTS = PHOTOS and CONFIG.adapt.rounds > 0
# Where all stages after it find the features, and searches the encoder.
DESCRIBED = ADAPTED if ADAPTS else FEATURES
DATA = [str(DEMO)] if CONFIG.uses_demo else []
DATA += [str(SOURCE.unpacked)] if CONFIG.kind == "sweethome3d" else []
FURNITURE = [str(FETCHED)] if SOURCE.models == FETCHED else []
POINTS = (
    [f"{RESULTS}/points/shard-{shard}.h5" for shard in MODEL_SHARDS]
    if CONFIG.kind == "3d-future" and PHOTOS
    else []
)
# Models alone are embedded by propagation.
EMBEDDED = CONFIG.embedded_baselines if PHOTOS else ["propagation"]
# The embeddings of each baseline that has some, by the name that rules know it by.
BASELINES = {
    method.replace("-", "_"): f"{RESULTS}/runs/{method}/seed-{{seed}}/embeddings.h5"
    for method in EMBEDDED
}
# The embeddings of each method under the protocols open and skewed.
PROBES = {
    method.replace("-", "_"): f"{RESULTS}/runs/probes/seed-{{seed}}/{method}.h5"
    for method in (CONFIG.probed_methods if PHOTOS else ())
}
# Settings of the training's pseudo-labels, which teach the encoder too.
TRANSPORT = ("transport_entropy", "transport_balance")
ENVIRONMENT = f"../envs/{PLAN.environment}.yaml"

# Jobs end with the process that started them, see ucmgcn.pipeline.jobs.
os.environ[SNAKEMAKE_PID] = str(os.getpid())


# In the main process of a real run only: whatever else reads this file, to look or to do a job,
# writes nothing. The profiles turn Snakemake's own lock off.
onstart:
    checked(begin_run, [RESULTS, *DATA, *FURNITURE])
    PLAN.keep()


# A seed's trainings are independent: on all photos, and without those held out.
def train_cores(wildcards):
    """Cores for the trainings of one seed."""
    parts = 2 if PLAN.listing.roles else 1 + CONFIG.train.folds
    return soonest_cores(CORES, len(CONFIG.train.seeds), parts)


def probe_cores(wildcards):
    """Cores for the probes of one seed, of which there are many."""
    return soonest_cores(CORES, len(CONFIG.train.seeds), 4 * len(CONFIG.probes))


wildcard_constraints:
    shard=r"\d{3}",
    seed=r"\d+",


def section(name, without=""):
    """Settings of one stage, as the plain values that Snakemake compares between runs."""
    return plain(getattr(CONFIG, name), without)


def code_of(*entries):
    """Digest of the code that a stage runs, as a parameter; computed for the jobs that are planned."""
    return lambda wildcards: code_digest(*entries)


def grown(amount):
    """A resource that doubles with every attempt: a job that was killed for want of it gets more."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


# The manifest is no input of the stages that read files: they list their shard's files themselves.
# Every row of it would rerun all of them, and ancient() would hide the digests of the shards.
FILES = plain(SOURCE.files)
