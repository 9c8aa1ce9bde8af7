"""How F is brought down: the loop, what it watches, and the methods."""
