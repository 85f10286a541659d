"""Extensions for the functional tests: what is published as a layer, and what of the log is theirs."""

import json
from typing import Any

from real_server import Function, wait_until

# One program for all tests. The name of its file says what it does; what happens to it goes to its stdout, as JSON.
EXTENSION = r"""#!/usr/bin/python3
import http.server, json, os, socket, sys, threading, time, urllib.error, urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
NAME = os.path.basename(sys.argv[0])
ROOT = "/2020-01-01/extension"


def say(kind, value):
    sys.stdout.write(json.dumps({"extension": NAME, "kind": kind, "value": value}) + "\n")
    sys.stdout.flush()


def call(method, path, body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(API + path, data=body and body.encode(), method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


class Listener(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        with open("/tmp/telemetry", "a") as kept:
            kept.write("".join(json.dumps(each) + "\n" for each in json.loads(body)))

    def log_message(self, *_):
        pass


def listen_http():
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}


def listen_tcp():
    server = socket.create_server(("0.0.0.0", 8081))

    def keep():
        peer = server.accept()[0]
        with open("/tmp/telemetry", "a") as kept:
            for line in peer.makefile():
                kept.write(line)
                kept.flush()

    threading.Thread(target=keep, daemon=True).start()
    return {"protocol": "TCP", "port": 8081}


def subscribe(me, schema, destination):
    asked = {"schemaVersion": schema, "types": ["platform", "function", "extension"], "destination": destination,
             "buffering": {"timeoutMs": 25}}
    say("subscribed", call("PUT", "/2022-07-01/telemetry", json.dumps(asked), Lambda_Extension_Identifier=me)[0])


def main():
    if NAME == "crashes-early":
        sys.exit(3)
    status, headers, body = call(
        "POST", ROOT + "/register", '{"events":["INVOKE","SHUTDOWN"]}', Lambda_Extension_Name=NAME,
        Lambda_Extension_Accept_Feature="accountId")
    say("registered", [status, json.loads(body)])
    say("environ", sorted(os.environ))
    me = headers["Lambda-Extension-Identifier"]
    if NAME == "http-listener":
        subscribe(me, "2022-12-13", listen_http())
    if NAME == "tcp-listener":
        subscribe(me, "2022-07-01", listen_tcp())
    if NAME == "fails":
        say("init/error", call("POST", ROOT + "/init/error", "{}", Lambda_Extension_Identifier=me,
                               Lambda_Extension_Function_Error_Type="Extension.NoLuck")[0])
        sys.exit(1)
    while True:
        event = json.loads(call("GET", ROOT + "/event/next", Lambda_Extension_Identifier=me)[2])
        say("event", event)
        if event["eventType"] == "SHUTDOWN":
            return
        if os.environ.get("HOLDS"):  # its function's answer must not wait for that
            time.sleep(600)
        if os.environ.get("CRASHES"):
            sys.exit(7)


main()
"""

WRAPPER = """#!/bin/sh
export WRAPPED=yes
exec "$@"
"""


def said(function: Function, kind: str = "") -> list[Any]:
    """What extensions said in the function's log, of one kind."""
    found = []
    for line in function.logs():
        if line.startswith('{"extension"'):
            entry = json.loads(line)
            if not kind or entry["kind"] == kind:
                found.append(entry["value"])
    return found


def events(function: Function, kind: str) -> list[dict[str, Any]]:
    return [event for event in said(function, "event") if event["eventType"] == kind]


def wait_for_events(function: Function, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """The log is written a moment behind."""
    wait_until(lambda: len(events(function, kind)) >= count)
    return events(function, kind)


def wait_for_line(function: Function, begins: str, count: int = 1) -> list[str]:
    def found() -> list[str]:
        return [line for line in function.logs() if line.startswith(begins)]

    wait_until(lambda: len(found()) >= count)
    return found()
