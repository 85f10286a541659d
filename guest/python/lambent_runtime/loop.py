"""The life of one environment: INIT, then invocations, one at a time, until the platform hangs up."""

import logging
import os

from . import codec, context, handler, logs, process, snapshot, streaming
from .channel import END, ERROR, INIT, INIT_ERROR, INVOKE, NO_TOKEN, PROCEED, READY, RESULT, Channel, Closed, Forked
from .errors import describe
from .rehearsal import rehearse, rehearse_call

INIT_FAILED = "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code."
TRACE_VARIABLE = "_X_AMZN_TRACE_ID"
WARM = 12  # times; CPython 3.11 and later adapt code that has run eight times
_ready = []  # the environment that a zygote has made, for each of its children to take


class Environment:
    """This process as one function's environment: parked until `become`, then what all its invocations share.

    It may be made in a zygote, whose children have less to do then and fewer pages to copy; they `open` it.
    """

    def __init__(self):
        self._channel = None
        self._streams = process.open_streams()
        self._sink = logs.Sink(1)
        self._log_handler = logs.set_up(self._sink)
        self._library = process.prepare()
        self._as_json = False
        self._may_stream = False
        self._codec = codec.Codec()
        self._shared = {}
        self._given = {}

    def warm_up(self, times=1):
        """Walk through what comes: it makes pages this process's own, and lets the interpreter adapt itself."""
        for _ in range(times):
            rehearse(self._codec, self._log_handler)

    def open(self, channel):
        """Speak over `channel`, and log to descriptor 1."""
        self._channel = channel
        self._sink.fd = process.own_log_descriptor()

    def prepare(self, spec):
        """Do what INIT asks for before the runtime takes anything on: start extensions, go under a wrapper."""
        if spec.get("extensions"):
            import extension_spawner  # of the zygote's directory, which is on the path until `become`

            extension_spawner.start(spec["extensions"], spec["extension_environ"])
            if self._channel.receive()[0] != PROCEED:
                raise SystemExit("expected to be told to proceed")
        if spec.get("exec_wrapper"):
            from . import wrapper

            wrapper.execute(self._channel, spec, self._streams)
        return spec

    def become(self, spec):
        """Take on what INIT says."""
        process.become(spec, self._library)
        self._given = spec["environ"]
        self._as_json = logs.is_json(spec.get("log_format"))
        self._codec = codec.Codec(os.environ.get("AWS_EXECUTION_ENV", ""))
        self._shared = context.shared_members(os.environ)
        self._may_stream = streaming.wanted(os.environ)
        logs.configure(self._log_handler, spec.get("log_format"), spec.get("log_level"))

    def load(self, name):
        """Load the handler; a failure goes to log and platform and ends the process, as on AWS."""
        try:
            return handler.load(name)
        except Exception as error:
            document = describe(error)
        logging.warning(INIT_FAILED)
        raise self.refusal(document)

    def ready(self):
        """Init is over: invocations may come."""
        self._send(READY, NO_TOKEN, b"", b"")

    def refusal(self, document, error_type=None, status=1):
        """Say why there will be no invocations; what to raise then. `error_type`: if not the document's own."""
        self._fail(INIT_ERROR, NO_TOKEN, document, error_type)
        return SystemExit(status)

    def wake(self, channel):
        """In a clone of this environment: serve another channel and another log from now on."""
        self._channel.open(channel)
        if self._sink.fd != 1:
            os.close(self._sink.fd)
        self._sink.fd = process.own_log_descriptor()

    def rehearse(self):
        """Touch what the next steps need, while nobody waits for them."""
        rehearse_call(self._codec)

    def rename(self):
        """Take on of a second spec what is not as before; the function may have changed the rest of its variables."""
        spec = self.prepare(receive_spec(self._channel))
        before, self._given = self._given, spec["environ"]
        os.environ.update(item for item in self._given.items() if before.get(item[0]) != item[1])
        for name in before.keys() - self._given.keys():
            os.environ.pop(name, None)
        self._shared = context.shared_members(os.environ)

    def descriptors(self):
        """Those that are the platform's business, not the function's."""
        return {0, 1, 2, self._channel.fd, self._sink.fd}

    def serve(self, function):
        """Answer invocations for ever."""
        receive, decode, answer = self._channel.receive, codec.decode, self._codec.answer
        read_event, make_context, shared, sink = codec.read_event, context.make, self._shared, self._sink
        may_stream = self._may_stream
        while True:
            kind, meta, body, token = receive()
            if kind != INVOKE:
                continue
            meta = decode(meta)
            sink.request_id, sink.tenant_id = meta["id"], meta.get("tenant")
            set_trace(meta.get("trace"))
            try:
                about = make_context(shared, meta, decode)
                result = function(read_event(body), about)
                pieces = result if may_stream and streaming.is_stream(result) else None
                if pieces is None:
                    result = answer(result)
            except Exception as error:
                self._fail(ERROR, token, describe(error, meta["id"]))
            else:
                if pieces is None:
                    self._send(RESULT, token, b"", result)
                else:
                    self._stream(token, pieces, meta["id"])
            about = result = pieces = body = None  # or a large event would stay in memory until the next one comes

    def _stream(self, token, pieces, request_id):
        """Send what a generator yields while it runs; an error in it ends what has been sent."""
        outlet = streaming.Outlet(self._channel, token, self._codec.encode)
        try:
            for piece in pieces:
                outlet.write(piece)
        except (Closed, Forked):
            raise
        except Exception as error:
            self._fail(END if outlet.begun else ERROR, token, describe(error, request_id))
        else:
            outlet.begin()
            self._send(END, token, b"", b"")

    def _fail(self, kind, token, document, error_type=None):
        logs.write_error(self._sink, document, self._as_json, self._codec)
        meta = self._codec.document({"type": error_type or document["errorType"]})
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


def make_ready():
    """In a zygote: make all of an environment that none of its children has to make for itself."""
    environment = Environment()
    environment.warm_up(WARM)
    _ready.append(environment)


def run(fd, park=None, spec=None, rehearsed=False):
    """Serve the channel `fd` to its end; never returns. A template of SnapStart has a place to `park` (snapshot.py).

    `spec` is what INIT said, for a runtime under a wrapper: another process has received it. If it was not `rehearsed`,
    the start is walked through once while nobody waits for it.
    """
    error = None
    try:
        channel = Channel(fd)
        environment = _ready.pop() if _ready else Environment()
        environment.open(channel)
        if not rehearsed:
            environment.warm_up()
        spec = spec or environment.prepare(receive_spec(channel))
        environment.become(spec)
        function = environment.load(spec["handler"])
        if park is not None:
            snapshot.take(environment, park)
        environment.ready()
        environment.serve(function)
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
