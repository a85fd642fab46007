"""What is said between agent and server, as frozen structs. Imports msgspec only."""
