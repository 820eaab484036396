"""The live stream: hub, differences of two screens, open browsers."""
