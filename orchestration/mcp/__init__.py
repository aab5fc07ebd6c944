"""A Model Context Protocol server over the published warehouse: for models that answer with figures they can cite."""
