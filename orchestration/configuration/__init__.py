"""Where settings come from: the layers of file and environment, their lines, and sentences about mistakes."""
