"""From a published figure back to the bytes it came from."""
