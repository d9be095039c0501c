//! The gate as a tower layer: axum, tonic, hyper.
