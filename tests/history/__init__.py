"""The whole system replays histories: real agents, the real server, a steered clock; and a model that keeps all."""
