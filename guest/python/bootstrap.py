"""The runtime in a process of its own, under the function's AWS_LAMBDA_EXEC_WRAPPER."""

import sys

if __name__ == "__main__":
    sys.path.insert(0, __file__.rpartition("/")[0])
    import lambent_runtime

    lambent_runtime.wrapped()
