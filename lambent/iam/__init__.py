"""Who is calling: signatures, keys and temporary credentials."""
