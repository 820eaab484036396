"""The board and the wall screen."""
