"""Engines: adapters around a model's weights, behind one protocol. The one user of torch and diffusers."""
