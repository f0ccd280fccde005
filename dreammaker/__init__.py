"""DreamMaker HFT: trades the Mini Ibovespa future, and tests whether it should."""

__version__ = "0.1.0"
