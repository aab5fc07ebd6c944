"""How much of what is known a page may change: it is read, read with findings, or held until somebody decides."""
