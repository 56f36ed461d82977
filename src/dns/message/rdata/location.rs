//! Positions on the Earth (LOC records, RFC 1876).

/// The equator and the prime meridian, from which a position is counted in thousandths of an arc
/// second.
const ORIGIN: u32 = 1 << 31;

/// The altitude that is stored as 0, in centimetres below the reference spheroid.
const LOWEST: i64 = 10_000_000;

/// Thousandths of an arc second in a degree.
const DEGREE: u32 = 3_600_000;

/// Returns the position in zone file format; `None` for another version or an invalid field.
pub(super) fn show(data: &[u8; 16]) -> Option<String> {
    let [version, size, horizontal, vertical, position @ ..] = data;
    let (words, []) = position.as_chunks::<4>() else { return None };
    let &[latitude, longitude, altitude] = words else { return None };
    if *version != 0 {
        return None;
    }
    let latitude = angle(u32::from_be_bytes(latitude), 90, 'N', 'S')?;
    let longitude = angle(u32::from_be_bytes(longitude), 180, 'E', 'W')?;
    let altitude = i64::from(u32::from_be_bytes(altitude)) - LOWEST;
    let sign = if altitude < 0 { "-" } else { "" };
    let (metres, centimetres) = (altitude.abs() / 100, altitude.abs() % 100);
    let altitude = format!("{sign}{metres}.{centimetres:02}m");
    let (size, horizontal, vertical) = (length(*size)?, length(*horizontal)?, length(*vertical)?);
    Some(format!("{latitude} {longitude} {altitude} {size} {horizontal} {vertical}"))
}

fn angle(value: u32, limit: u32, positive: char, negative: char) -> Option<String> {
    let direction = if value >= ORIGIN { positive } else { negative };
    let value = value.abs_diff(ORIGIN);
    if value > limit * DEGREE {
        return None;
    }
    let (degrees, minutes) = (value / DEGREE, value / 60_000 % 60);
    let (seconds, thousandths) = (value / 1000 % 60, value % 1000);
    Some(format!("{degrees} {minutes} {seconds}.{thousandths:03} {direction}"))
}

/// Returns a length in metres: a decimal digit, and an exponent of centimetres.
fn length(value: u8) -> Option<String> {
    let (digit, exponent) = (u64::from(value >> 4), u32::from(value & 0xf));
    if digit > 9 || exponent > 9 {
        return None;
    }
    Some(match exponent {
        0 => format!("0.0{digit}m"),
        1 => format!("0.{digit}0m"),
        _ => format!("{}m", digit * 10_u64.pow(exponent - 2)),
    })
}
