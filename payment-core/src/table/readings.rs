//! The ways in which a path may be read on its way to a handler.
//!
//! Servers, proxies and frameworks differ in what they decode, cut and collapse, and in which
//! order. All that can come of these steps in any order is looked up.

/// A path that can be read in more ways than are looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooMany;

/// As many as are looked up, whatever the table.
pub(super) const MOST: usize = 128;
const MOST_BYTES: usize = 32 * 1024;

/// Visits each reading of a path, at most so many, the path as it stands there first. The case of letters and a slash
/// at the end are left as they are. Allocates nothing for a path
/// that is plain.
pub(super) fn each_reading(
    path: &[u8],
    most: usize,
    visit: &mut dyn FnMut(&[u8]),
) -> Result<(), TooMany> {
    if is_plain(path) {
        visit(path);
        return Ok(());
    }
    let mut all = vec![path.to_vec()];
    let mut bytes = path.len();
    let mut next = 0;
    while let Some(reading) = all.get(next) {
        let more: Vec<_> = STEPS.iter().map(|step| step(reading)).collect();
        for reading in more {
            if all.contains(&reading) {
                continue;
            }
            bytes += reading.len();
            if all.len() == most.min(MOST) || bytes > MOST_BYTES {
                return Err(TooMany);
            }
            all.push(reading);
        }
        next += 1;
    }
    for reading in &all {
        visit(reading);
    }
    Ok(())
}

/// Whether a path has one reading, but for a slash at its end and the case of letters.
fn is_plain(path: &[u8]) -> bool {
    let mut before = 0;
    for byte in path {
        match byte {
            b'/' if before == b'/' => return false,
            b'%' | b'\\' | b';' | b'?' | b'#' | 0..=b' ' | 0x7f => return false,
            _ => before = *byte,
        }
    }
    let rooted = path.is_empty() || path[0] == b'/';
    rooted && !path.split(|byte| *byte == b'/').any(is_dots)
}

fn is_dots(segment: &[u8]) -> bool {
    segment == b"." || segment == b".."
}

pub(super) type Step = fn(&[u8]) -> Vec<u8>;

pub(super) const STEPS: [Step; 11] = [
    rooted,
    |path| decoded(path, |_| true),
    // Some keep what would change the number of segments, some what would be decoded once more,
    // and some all that is not a letter, a digit or one of four marks.
    |path| decoded(path, |byte| !b"/\\".contains(&byte)),
    |path| decoded(path, |byte| !b"/%+".contains(&byte)),
    |path| {
        decoded(path, |byte| {
            byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
        })
    },
    slashes_forward,
    without_parameters,
    until_the_query,
    without_blanks_and_controls,
    without_dots,
    collapsed,
];

fn rooted(path: &[u8]) -> Vec<u8> {
    match path.first() {
        None | Some(b'/') => path.to_vec(),
        Some(_) => [b"/", path].concat(),
    }
}

fn decoded(path: &[u8], wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let digit = |at: usize| {
        let digit = char::from(*path.get(at)?).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    let mut out = Vec::with_capacity(path.len());
    let mut at = 0;
    while let Some(byte) = path.get(at) {
        let escaped = match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => Some(high << 4 | low).filter(|byte| wanted(*byte)),
            _ => None,
        };
        out.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}

fn slashes_forward(path: &[u8]) -> Vec<u8> {
    let forward = |byte: &u8| if *byte == b'\\' { b'/' } else { *byte };
    path.iter().map(forward).collect()
}

fn without_parameters(path: &[u8]) -> Vec<u8> {
    let bare = |segment: &[u8]| {
        let end = segment.iter().position(|byte| *byte == b';');
        segment[..end.unwrap_or(segment.len())].to_vec()
    };
    let segments: Vec<_> = path.split(|byte| *byte == b'/').map(bare).collect();
    segments.join(&b'/')
}

/// What stands before a query, a fragment or a zero.
fn until_the_query(path: &[u8]) -> Vec<u8> {
    let end = path.iter().position(|byte| b"?#\0".contains(byte));
    path[..end.unwrap_or(path.len())].to_vec()
}

fn without_blanks_and_controls(path: &[u8]) -> Vec<u8> {
    let kept = |byte: &u8| !byte.is_ascii_control() && *byte != b' ';
    path.iter().copied().filter(kept).collect()
}

fn without_dots(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for (at, segment) in path.split(|byte| *byte == b'/').enumerate() {
        match segment {
            b"." => {}
            // What stands before the first slash is no segment.
            b".." if kept.len() > 1 => drop(kept.pop()),
            b".." if at > 0 => {}
            segment => kept.push(segment),
        }
    }
    kept.join(&b'/')
}

/// Each run of slashes as one.
fn collapsed(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    for byte in path {
        if *byte != b'/' || out.last() != Some(&b'/') {
            out.push(*byte);
        }
    }
    out
}

#[cfg(test)]
mod tests;
