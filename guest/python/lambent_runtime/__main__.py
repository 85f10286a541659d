"""`python -m lambent_runtime FD`: the runtime in a process of its own, for AWS_LAMBDA_EXEC_WRAPPER."""

import sys

from lambent_runtime import main

main(int(sys.argv[1]))
