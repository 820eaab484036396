"""The live stream: hub, screen differences, browser connections."""
