"""Recipes for tools that people look with; the README beside this explains them."""
