# What the machine runs before a change lands.
ci:
    bash .ci/run

# Format, lint and test the crate at hand: `just quick payment-core`.
quick crate:
    cargo fmt --check
    cargo clippy -p tollgate-{{crate}} --all-features --all-targets -- -D warnings
    cargo test -p tollgate-{{crate}} --all-features

# The main job, in one process.
quickstart:
    cargo run -p quickstart

# Requests per second beside a bare handler.
bench:
    cargo bench -p tollgate-benches

# Stock clients and servers against the shop.
interop:
    bash interop/run

# A browser pays the paywall page.
paywall:
    bash payment-paywall/browser/run

# Ten minutes a target.
fuzz seconds="600":
    bash fuzz/run {{seconds}}
