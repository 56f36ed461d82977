//! Formats times, sizes and rates for people.
//!
//! For diagnostics and tables only: JSON has plain numbers, with the unit in the key.

use std::time::Duration;

/// Returns a duration as text: `812 µs`, `1.2 ms`, `3.0 s`.
pub fn time(duration: Duration) -> String {
    micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// Returns a duration given in microseconds as text.
pub(super) fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", approximate(micros) / 1e3),
        _ => format!("{:.1} s", approximate(micros) / 1e6),
    }
}

/// Returns an exact number of bytes as text: `1 byte`, `5000000 bytes`.
pub(super) fn count(bytes: u64) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

/// Returns a rounded size as text: `17 B`, `64.0 KiB`, `1.2 GiB`.
pub(super) fn size(bytes: u64) -> String {
    scaled(approximate(bytes))
}

/// Returns the rate of `bytes` in `micros` microseconds, such as `1.3 GiB/s`; `None` if either is
/// zero.
pub(super) fn rate(bytes: u64, micros: u64) -> Option<String> {
    let rate = approximate(bytes) * 1e6 / approximate(micros);
    (bytes > 0 && micros > 0).then(|| format!("{}/s", scaled(rate)))
}

fn scaled(bytes: f64) -> String {
    const KIB: f64 = 1024.0;
    let mut value = bytes;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < KIB {
            let decimals = usize::from(unit != "B");
            return format!("{value:.decimals$} {unit}");
        }
        value /= KIB;
    }
    format!("{value:.1} TiB")
}

/// Converts to `f64`, exactly up to 2^53: 8 PiB, or 285 years in microseconds.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn approximate(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sizes_and_rates_use_the_fitting_unit() {
        assert_eq!(time(Duration::from_nanos(1500)), "1 µs");
        assert_eq!([999, 1_250, 3_000_000].map(micros), ["999 µs", "1.2 ms", "3.0 s"]);
        assert_eq!([0, 1, 2].map(count), ["0 bytes", "1 byte", "2 bytes"]);
        assert_eq!([17, 65_536, 1_288_490_189].map(size), ["17 B", "64.0 KiB", "1.2 GiB"]);
        assert_eq!(size(u64::MAX), "16777216.0 TiB");
        assert_eq!(rate(2048, 2_000_000).unwrap(), "1.0 KiB/s");
        assert_eq!((rate(0, 5), rate(5, 0)), (None, None));
    }
}
