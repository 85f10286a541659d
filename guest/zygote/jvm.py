"""The parked state of a Java runtime: waits for INIT, then becomes a Java with the heap and options of the function.

Java reads all three only when it starts, so that a parked one could not take them on.
"""

import os

import bootstrap

HEAP_SHARE = 0.85  # of the function's memory, as on AWS; the rest is for the machine itself
# As on AWS: a short start counts more than the best code for long runs; nothing is written to /tmp.
OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-XX:-UsePerfData",
    "-Djdk.reflect.useNativeAccessorOnly=true",  # from 18 on reflection would first spin method handles
)


def main(channel, order):
    meta = bootstrap.read_init(channel)
    bootstrap.start_extensions(channel, meta)
    environ = meta["environ"]
    heap_kb = int(int(environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) * 1024 * HEAP_SHARE)
    wrapper = [meta["exec_wrapper"]] if meta.get("exec_wrapper") else []  # executes the rest of the command
    options = [*OPTIONS, "-XX:MaxHeapSize={}k".format(heap_kb), *order["arguments"]]
    command = [*wrapper, order["executable"], *options, meta["task_root"], meta["opt"], meta["handler"]]
    try:
        os.chdir(meta["task_root"])
    except OSError:
        pass  # loading the handler will say what is missing
    os.dup2(channel, 0)  # the one descriptor that Java can open by itself
    try:
        os.execve(command[0], command, environ)
    except OSError as error:
        if wrapper:
            os.write(2, "{}: {}\n".format(wrapper[0], error.strerror).encode())
            os._exit(127 if isinstance(error, FileNotFoundError) else 126)  # as a shell would end
        bootstrap.refuse(channel, "fork/exec {}: {}".format(command[0], (error.strerror or "").lower()))
