use std::fmt;

/// A colour of the page, and the one that is read on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour([u8; 3]);

impl Colour {
    /// Reads `#rrggbb`, the only form: nothing else gets into the style.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(digits, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self([red, green, blue]))
    }

    /// Black or white, whichever is read better on this. One of them has a contrast of 4.5 on any
    /// colour.
    pub(crate) fn ink(self) -> &'static str {
        // Where both have the same contrast.
        if self.luminance() > 0.179 {
            "#000"
        } else {
            "#fff"
        }
    }

    /// Relative luminance, as WCAG 2 defines it.
    #[expect(clippy::float_arithmetic, reason = "light, not money")]
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ink_is_readable_on_every_colour() {
        for red in (0..=255).step_by(15) {
            for green in (0..=255).step_by(15) {
                for blue in (0..=255).step_by(15) {
                    let colour = Colour([red, green, blue]);
                    let light = colour.luminance();
                    let contrast = match colour.ink() {
                        "#000" => (light + 0.05) / 0.05,
                        _ => 1.05 / (light + 0.05),
                    };
                    assert!(contrast >= 4.5, "{colour}: {contrast}");
                }
            }
        }
    }

    #[test]
    fn nothing_but_six_digits_is_a_colour() {
        assert_eq!(Colour::read("#1D5bd6").unwrap().to_string(), "#1d5bd6");
        for bad in [
            "",
            "#",
            "red",
            "#fff",
            "1d5bd6",
            "#1d5bd6;}",
            "#+d5bd6",
            "#1d5b\u{e9}",
        ] {
            assert_eq!(Colour::read(bad), None, "{bad}");
        }
    }
}
