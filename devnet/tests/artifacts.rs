//! Committed code belongs to the committed sources.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use alloy_primitives::keccak256;
use devnet::Artifact;

fn contracts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts")
}

fn built_here() -> [(&'static str, Artifact); 4] {
    [
        ("HostileToken.sol", Artifact::hostile_token()),
        ("PaymentChannelEscrow.sol", Artifact::escrow()),
        ("SmartWallet.sol", Artifact::smart_wallet()),
        ("TollToken.sol", Artifact::toll_token()),
    ]
}

/// Every file below `src`, relative to it.
fn sources(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            let name = path.strip_prefix(contracts().join("src")).unwrap();
            found.insert(name.to_str().unwrap().to_owned());
        }
    }
}

/// Without a compiler this is the proof that nobody edited a contract and forgot to build it.
#[test]
fn artifact_names_the_sources_that_are_committed() {
    let mut left = BTreeSet::new();
    sources(&contracts().join("src"), &mut left);
    for (file, artifact) in built_here() {
        assert!(!artifact.sources.is_empty(), "{file} has no sources");
        let own: Vec<_> = artifact
            .sources
            .iter()
            .filter(|(path, _)| !path.starts_with('@'))
            .collect();
        assert!(own.iter().any(|(path, _)| path.ends_with(file)), "{file}");
        for (path, hash) in own {
            let text = std::fs::read(contracts().join("src").join(path)).unwrap();
            assert_eq!(
                keccak256(text),
                *hash,
                "{path} changed; run contracts/rebuild"
            );
            left.remove(path);
        }
    }
    assert!(left.is_empty(), "no artifact was built from {left:?}");
}

/// Imported files are not committed: their hashes hold for the pinned version of their package.
#[test]
fn imports_come_from_the_pinned_packages() {
    let read = |file: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(contracts().join(file)).unwrap()).unwrap()
    };
    let (wanted, locked) = (read("package.json"), read("package-lock.json"));
    for (file, artifact) in built_here() {
        for (package, version) in &artifact.packages {
            assert_eq!(wanted["devDependencies"][package], **version, "{file}");
            let entry = &locked["packages"][format!("node_modules/{package}")];
            assert_eq!(entry["version"], **version, "{file}");
            assert!(entry["integrity"].is_string(), "{package}");
        }
        for path in artifact.sources.keys().filter(|path| path.starts_with('@')) {
            let named = artifact
                .packages
                .keys()
                .any(|name| path.starts_with(&format!("{name}/")));
            assert!(named, "{file}: {path} is of no recorded package");
        }
    }
    assert_eq!(Artifact::escrow().packages.len(), 1);
}

/// The compiler's own word, where it is installed (`npm ci` in `contracts/`).
#[test]
fn compiler_makes_the_committed_code() {
    let packages = contracts().join("node_modules");
    let node = Command::new("node").arg("--version").output();
    if !packages.join("solc").exists() || !packages.join("@openzeppelin").exists() || node.is_err()
    {
        eprintln!("left out: needs node, and `npm ci` in contracts/");
        return;
    }
    let check = Command::new(contracts().join("rebuild"))
        .arg("--check")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(check.status.success(), "{said}");
}
