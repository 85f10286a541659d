"""Who is calling, and may they: signatures, keys, temporary credentials; policies."""
