"""Runs every tour against an endpoint, and prints one line of JSON for each: its name, and what went wrong or nothing.

    python3 main.py ENDPOINT
"""
import importlib
import json
import sys
import time
import traceback

TOURS = sys.argv[2:] or ["objects", "queues", "topics", "rules", "schedules", "settings", "tables", "functions", "scaling", "apis", "mail", "stacks", "identity", "balancers", "metrics", "containers"]


def main(endpoint):
    import here

    here.ENDPOINT = endpoint
    for tour in TOURS:
        module = importlib.import_module(tour)
        for name, function in list(vars(module).items()):
            if not name.startswith("test_"):
                continue
            error = None
            began = time.monotonic()
            try:
                function()
            except Exception:
                error = traceback.format_exc()
            print(json.dumps({"name": f"{tour}: {name[5:].replace('_', ' ')}", "error": error, "seconds": time.monotonic() - began}), flush=True)


main(sys.argv[1])
