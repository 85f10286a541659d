"""The listeners, through which clients come in."""
