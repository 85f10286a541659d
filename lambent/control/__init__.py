"""The Lambda API's control plane: one function per operation, one file per resource."""
