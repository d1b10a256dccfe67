"""The Materials Project's own server code, its summary alone: `emmet.py PORT DOCUMENTS.json VERSION`.

Runs in the environment of that code, not in the project's. Its collection is one of mongomock, which waits for nothing,
behind the calls of pymongo's that waits; what it looks up, pages and answers is its own.
"""

import json
import os
import sys

port, documents, os.environ["MAPI_DB_VERSION"] = int(sys.argv[1]), sys.argv[2], sys.argv[3]

import mongomock  # noqa: E402
import uvicorn  # noqa: E402
from emmet.api.core.api import MAPI  # noqa: E402
from emmet.api.resource.utils import CollectionWithKey  # noqa: E402
from emmet.api.routes.materials.summary.resources import summary_resource  # noqa: E402


class Cursor:
    """What a query found, to be waited for."""

    def __init__(self, found):
        self._found = found

    async def to_list(self):
        """All of it."""
        return list(self._found)


class Collection:
    """The calls that the server makes; hints and time limits mean nothing here."""

    def __init__(self, collection):
        self._own = collection

    async def count_documents(self, criteria, **settings):
        """Documents that meet criteria."""
        return self._own.count_documents(criteria)

    async def estimated_document_count(self):
        """Documents in all."""
        return self._own.estimated_document_count()

    async def aggregate(self, pipeline, **settings):
        """What a pipeline finds."""
        return Cursor(self._own.aggregate(pipeline))


collection = mongomock.MongoClient()["mp"]["summary"]
with open(documents) as file:
    collection.insert_many(json.load(file))
resource = summary_resource(CollectionWithKey(Collection(collection), "material_id"))
app = MAPI(resources={"materials": [resource]}).app
# Its routes lie below /materials; the gateway before it is not part of it.
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
