//! Loader of the byte-exact wire and signature cases, for tests.
