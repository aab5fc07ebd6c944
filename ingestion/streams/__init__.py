"""Streams of liquidations: what venues push, recorded by the hour, because nobody publishes it afterwards."""
