"""The life of one environment: INIT, then invocations, one at a time, until the platform hangs up."""

import logging
import os

from . import codec, context, handler, logs, process
from .channel import ERROR, INIT, INIT_ERROR, INVOKE, NO_TOKEN, READY, RESULT, Channel, Closed, Forked
from .errors import describe
from .rehearsal import rehearse

INIT_FAILED = "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code."
TRACE_VARIABLE = "_X_AMZN_TRACE_ID"


class Environment:
    """This process as one function's environment: parked until `become`, then what all its invocations share."""

    def __init__(self, channel):
        self._channel = channel
        self._streams = process.open_streams()
        self._sink = logs.Sink(process.own_log_descriptor())
        self._log_handler = logs.set_up(self._sink)
        self._library = process.prepare()
        self._as_json = False
        self._codec = codec.Codec()
        self._shared = {}
        rehearse(self._codec, self._log_handler)

    def become(self, spec):
        """Take on what INIT says."""
        process.become(spec, self._library)
        self._as_json = logs.is_json(spec.get("log_format"))
        self._codec = codec.Codec(os.environ.get("AWS_EXECUTION_ENV", ""))
        self._shared = context.shared_members(os.environ)
        logs.configure(self._log_handler, spec.get("log_format"), spec.get("log_level"))

    def load(self, name):
        """Load the handler and say READY; a failure goes to log and platform and ends the process, as on AWS."""
        try:
            function = handler.load(name)
        except Exception as error:
            document = describe(error)
        else:
            self._send(READY, NO_TOKEN, b"", b"")
            return function
        logging.warning(INIT_FAILED)
        self._fail(INIT_ERROR, NO_TOKEN, document)
        raise SystemExit(1)

    def serve(self, function):
        """Answer invocations for ever."""
        receive, decode, answer = self._channel.receive, codec.decode, self._codec.answer
        read_event, make_context, shared, sink = codec.read_event, context.make, self._shared, self._sink
        while True:
            kind, meta, body, token = receive()
            if kind != INVOKE:
                continue
            meta = decode(meta)
            sink.request_id, sink.tenant_id = meta["id"], meta.get("tenant")
            set_trace(meta.get("trace"))
            try:
                about = make_context(shared, meta, decode)
                result = answer(function(read_event(body), about))
            except Exception as error:
                self._fail(ERROR, token, describe(error, meta["id"]))
            else:
                self._send(RESULT, token, b"", result)
            about = result = body = None  # or a large event would stay in memory until the next one has arrived

    def _fail(self, kind, token, document):
        logs.write_error(self._sink, document, self._as_json, self._codec)
        meta = self._codec.document({"type": document["errorType"]})
        self._send(kind, token, meta, self._codec.document(document))

    def _send(self, kind, token, meta, body):
        """Send a frame after all that was printed before it."""
        process.flush(self._streams)
        self._channel.send(kind, token, meta, body)


def set_trace(trace):
    """Put the trace header of this invocation where AWS's SDKs and X-Ray look for it."""
    if trace:
        os.environ[TRACE_VARIABLE] = trace
    else:
        os.environ.pop(TRACE_VARIABLE, None)


def run(fd):
    """Serve the channel `fd` to its end; never returns."""
    error = None
    try:
        channel = Channel(fd)
        environment = Environment(channel)
        spec = receive_spec(channel)
        environment.become(spec)
        environment.serve(environment.load(spec["handler"]))
    except Closed:
        os._exit(0)  # the platform is gone: no thread or exit handler may keep this process alive
    except Forked:
        pass  # a child of the handler came back from it; it ends here and says nothing
    except BaseException as raised:
        error = raised
    process.leave(error)


def receive_spec(channel):
    """What the first frame says that this environment is to be."""
    kind, meta, _, _ = channel.receive()
    if kind != INIT:
        raise SystemExit("expected INIT as the first frame, got type {}".format(kind))
    return codec.decode(meta)
