"""What went wrong, as the document that a client of AWS Lambda sees.

{"errorMessage": …, "errorType": …, "requestId": …, "stackTrace": […]}
"""

import os
import sys
import traceback

HOME = os.path.dirname(os.path.abspath(__file__)) + os.sep
NO_REQUEST_ID_RUNTIMES = ("AWS_Lambda_python3.6", "AWS_Lambda_python3.7", "AWS_Lambda_python3.8")


class Fault(Exception):
    """An error that the runtime itself found, with AWS's type and message; its trace is not a Python one."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = list(trace)


def describe(error, request_id=""):
    """The error document of a Fault or of any exception that user code raised."""
    if isinstance(error, Fault):
        return _document(error.message, error.kind, error.trace, request_id)
    return _document(str(error), type(error).__name__, user_frames(error.__traceback__), request_id)


def _document(message, kind, trace, request_id):
    document = {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}
    if os.environ.get("AWS_EXECUTION_ENV") in NO_REQUEST_ID_RUNTIMES:
        del document["requestId"]  # that runtime froze before the member came: recorded on AWS
    return document


def user_frames(trace):
    """The formatted frames of a traceback from the first one outside this package on; all, when there is no such."""
    frames = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in traceback.extract_tb(trace)]
    for index, frame in enumerate(frames):
        if not frame[0].startswith(HOME):
            frames = frames[index:]
            break
    return traceback.format_list(frames)


def print_fatal(error):
    """Write the traceback of what ends the process, as the interpreter does at its end."""
    traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
