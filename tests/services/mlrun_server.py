"""A model server of MLRun's own, run by MLRun's interpreter: `python mlrun_server.py STREAM UIDS`.

Two models sit behind a router, `moved` and `calm`; both answer with the sum of the inputs. UIDS is a JSON
object of model and endpoint uid: there is no MLRun service here that would hand them out. Each line on the
input is a model's name and a list of rows as JSON; each is answered by a line with the outputs. It ends with
the input. Nothing of ModelMon is imported.
"""

import json
import sys
import time

from mlrun import new_function
from mlrun.serving import V2ModelServer

FLUSH_SECONDS = 3.0  # MLRun's producer sends in the background, and drops what is left when it ends


class Sum(V2ModelServer):
    def load(self):
        self.model = sum

    def predict(self, request):
        return [float(self.model(row)) for row in request["inputs"]]


def main(stream, uids):
    function = new_function("serving", kind="serving", project="flights")
    function.set_topology("router")
    for name in uids:
        function.add_model(name, class_name="Sum", model_path=".")
    function.set_tracking(stream)
    server = function.to_mock_server(track_models=True, namespace=globals())
    for name, route in server.graph.routes.items():
        route._object.model_endpoint_uid = uids[name]
    print("ready", flush=True)
    for line in sys.stdin:
        name, rows = json.loads(line)
        answer = server.test(f"/v2/models/{name}/infer", body={"inputs": rows})
        print(json.dumps(answer["outputs"]), flush=True)
    time.sleep(FLUSH_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
