"""LightZero's UniZero on kvref. Nothing here imports LightZero."""
