"""How anything is trained: one loop, what it is told, what it trains, and what it keeps."""
