//! What the parts of the core cost: see `benches/`.
