//! Several payment protocols behind one face, tried by priority.
