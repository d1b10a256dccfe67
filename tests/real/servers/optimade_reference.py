"""The reference server of OPTIMADE with its own test data: `optimade_reference.py PORT fast|slow-later|slow-always`.

Runs in the environment of that server, not in the project's. A count takes as long as the mode says: the server gives
it 10 s on the first page and 0.5 s on others, and MongoDB ends one that takes longer, which mongomock never does.
"""

import json
import os
import sys
import warnings

port, mode = int(sys.argv[1]), sys.argv[2]
os.environ |= {"OPTIMADE_DATABASE_BACKEND": "mongomock", "OPTIMADE_INSERT_TEST_DATA": "1", "OPTIMADE_DEBUG": "0"}
os.environ["OPTIMADE_CONFIG_FILE"] = os.devnull
# The names of its test data's fields, as in the configuration that its makers ship beside the package.
fields = {
    "id": "task_id",
    "chemical_formula_reduced": "pretty_formula",
    "chemical_formula_descriptive": "pretty_formula",
}
fields |= {"immutable_id": "_id", "chemical_formula_anonymous": "formula_anonymous"}
os.environ["OPTIMADE_ALIASES"] = json.dumps({"structures": fields})
warnings.simplefilter("ignore")

import mongomock  # noqa: E402
import optimade.server.routers.utils as routes  # noqa: E402
import uvicorn  # noqa: E402
from pymongo.errors import ExecutionTimeout  # noqa: E402

routes.get_providers = lambda **given: []  # asks other machines for a list of providers
SECONDS = {"fast": 0.0, "slow-later": 2.0, "slow-always": 60.0}[mode]
count = mongomock.collection.Collection.count_documents


def counted(self, filter, **settings):
    """Count as MongoDB does that needs so long."""
    allowed = settings.pop("maxTimeMS", None)
    if allowed is not None and allowed < 1000 * SECONDS:
        raise ExecutionTimeout("operation exceeded time limit")
    return count(self, filter, **settings)


mongomock.collection.Collection.count_documents = counted

from optimade.server.config import ServerConfig  # noqa: E402
from optimade.server.create_app import create_app  # noqa: E402

uvicorn.run(create_app(ServerConfig()), host="127.0.0.1", port=port, log_level="warning")
