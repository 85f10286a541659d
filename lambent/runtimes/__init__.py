"""Which runtimes AWS knows, which of them this machine has, and what a function finds in its environment."""
