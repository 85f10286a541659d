"""Making, keeping, reusing and ending the environments that functions run in."""
