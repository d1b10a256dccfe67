"""Search of virtual catalogues: the best of millions of indices, on the device."""
