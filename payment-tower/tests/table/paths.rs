use proptest::prelude::*;

/// Spellings of a path that some server, proxy or framework takes for the path itself.
pub(crate) fn spellings(path: &str) -> Vec<String> {
    let (before, last) = path.rsplit_once('/').unwrap();
    let (first, behind) = path[1..]
        .split_once('/')
        .unwrap_or_else(|| (&path[1..], ""));
    let encoded = |upper: bool| {
        let escape = |byte: u8| match upper {
            true => format!("%{byte:02X}"),
            false => format!("%{byte:02x}"),
        };
        let bytes = path.bytes().map(|byte| match byte {
            b'/' => "/".to_owned(),
            byte => escape(byte),
        });
        bytes.collect::<String>()
    };
    vec![
        path.to_owned(),
        format!("{path}/"),
        format!("{path}//"),
        format!("/{path}"),
        path.replace('/', "//"),
        path.to_ascii_uppercase(),
        path.replace('e', "%65"),
        path.replace('e', "%2565"),
        encoded(true),
        encoded(false),
        format!("{before}%2F{last}"),
        format!("{before}%2f{last}"),
        format!("{before}%252F{last}"),
        format!("{before}%5C{last}"),
        format!("{before}\\{last}"),
        format!("{before}/./{last}"),
        format!("{before}/x/../{last}"),
        format!("{before}/%2e/{last}"),
        format!("{before}/x/%2E%2e/{last}"),
        format!("{before}/x%2F..%2F{last}"),
        format!("/../{first}/{behind}"),
        format!("/{first}/../{first}/{behind}"),
        format!("/health/..{path}"),
        format!("/v1/health/../..{path}"),
        format!("{path}/."),
        format!("{path}/x/.."),
        format!("{path};a=b"),
        format!("/{first};a=b/{behind}"),
        format!("{path}%3Ba=b"),
        format!("{path}?a=b"),
        format!("{path}#a"),
        format!("{path}%3Fa=b"),
        format!("{path}%23a"),
        format!("{path}%00"),
        format!("{path}%00.html"),
        format!("{path}%20"),
        format!("{path}%0A"),
        format!("{path}%0D%0A"),
        format!("{path}."),
        format!("{path}.json"),
        format!("{path}%"),
        format!("{path}%c0%af"),
        format!("http://shop.example{path}"),
        format!("{before}/{{{last}}}"),
        format!("{path}*"),
        format!("{before}/"),
        format!("{before}//"),
        path.replace("/7", "/"),
        path.replace("/v1", "/"),
    ]
}

/// Any path that a request can have, more often one that leads somewhere.
pub(crate) fn any_path() -> impl Strategy<Value = String> {
    let parts = vec![
        "/premium",
        "/users",
        "/me",
        "/7",
        "/detail",
        "/files",
        "/slash",
        "/health",
        "/v1",
        "/",
        "//",
        "/..",
        "/.",
        "%2F",
        "%2e",
        "\\",
        ";x",
        "%00",
        "%20",
        "%70remium",
        "PREMIUM",
        "/v2",
        "%",
        "é",
        "*",
        "{id}",
        "/:id",
        "?",
        "#",
        "%3F",
    ];
    let part = prop_oneof![
        4 => prop::sample::select(parts).prop_map(str::to_owned),
        1 => "[!-~]{1,3}",
    ];
    prop::collection::vec(part, 0..6)
        .prop_map(|parts| format!("/{}", parts.concat().trim_start_matches('/')))
}
