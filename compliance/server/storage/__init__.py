"""The tables, the store they live in (SQLite or MySQL), and the migrations that make them."""
