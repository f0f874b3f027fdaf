//! Numbers as C's library reads and prints them, since option values are defined by it. Knows nothing of options.

/// Why a text is no whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFault {
    /// It is empty.
    Missing,
    /// It holds something else than digits.
    Invalid,
}

fn after_space(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != 0x0b);
    start.and_then(|at| text.get(at..)).unwrap_or_default()
}

/// Takes the sign off `text`; true where it is a minus.
fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    }
}

/// The whole of `text` as `strtoul` in base 10 reads it, cut to 32 bits: leading white space and a sign are taken, a
/// negative number wraps, one that is too great is the greatest.
///
/// # Errors
/// A [`NumberFault`] where the text is empty or is not a number to its end.
pub fn unsigned(text: &[u8]) -> Result<u32, NumberFault> {
    if text.is_empty() {
        return Err(NumberFault::Missing);
    }
    let (negative, digits) = signed(after_space(text));
    if digits.is_empty() {
        return Err(NumberFault::Invalid);
    }
    let mut value = Some(0u64);
    for byte in digits {
        if !byte.is_ascii_digit() {
            return Err(NumberFault::Invalid);
        }
        value = value.and_then(|value| value.checked_mul(10)?.checked_add(u64::from(byte - b'0')));
    }
    let value = match value {
        Some(value) if negative => value.wrapping_neg(),
        Some(value) => value,
        None => u64::MAX,
    };
    Ok((value & u64::from(u32::MAX)) as u32)
}

/// The number that `text` begins with, as `atof` reads it: 0 where it begins with none, and what follows is ignored.
pub fn float(text: &[u8]) -> f64 {
    let (negative, rest) = signed(after_space(text));
    let value = if begins_with(rest, b"inf") {
        f64::INFINITY
    } else if begins_with(rest, b"nan") {
        f64::NAN
    } else if begins_with(rest, b"0x") {
        hexadecimal(rest.get(2..).unwrap_or_default()).unwrap_or(0.0)
    } else {
        decimal(rest)
    };
    if negative { -value } else { value }
}

fn begins_with(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

fn count_while(text: &[u8], wanted: impl Fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| wanted(byte)).count()
}

/// Length of `text`'s mantissa (digits, a point among them), or 0 where it has no digit.
fn mantissa(text: &[u8], digit: impl Fn(&u8) -> bool) -> usize {
    let whole = count_while(text, &digit);
    let rest = text.get(whole..).unwrap_or_default();
    let fraction = if rest.first() == Some(&b'.') { count_while(&rest[1..], &digit) } else { 0 };
    match (whole, fraction, rest.first()) {
        (0, 0, _) => 0,
        (_, _, Some(b'.')) => whole + 1 + fraction,
        _ => whole,
    }
}

/// Length of an exponent with the letter `letter` at the start of `text`, or 0.
fn exponent(text: &[u8], letter: u8) -> usize {
    match text.split_first() {
        Some((first, rest)) if first.eq_ignore_ascii_case(&letter) => {
            let sign = usize::from(matches!(rest.first(), Some(b'+' | b'-')));
            match count_while(rest.get(sign..).unwrap_or_default(), u8::is_ascii_digit) {
                0 => 0,
                digits => 1 + sign + digits,
            }
        }
        _ => 0,
    }
}

fn decimal(text: &[u8]) -> f64 {
    let mut end = mantissa(text, u8::is_ascii_digit);
    if end > 0 {
        end += exponent(text.get(end..).unwrap_or_default(), b'e');
    }
    let number = text.get(..end).unwrap_or_default();
    std::str::from_utf8(number).ok().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

fn hexadecimal(text: &[u8]) -> Option<f64> {
    let end = mantissa(text, u8::is_ascii_hexdigit);
    let (number, rest) = text.split_at_checked(end)?;
    let mut value = 0.0;
    let mut places = None;
    for byte in number {
        match char::from(*byte).to_digit(16) {
            Some(digit) => {
                value = value * 16.0 + f64::from(digit);
                places = places.map(|places: i32| places.saturating_add(4));
            }
            None => places = Some(0),
        }
    }
    let power = rest
        .get(1..exponent(rest, b'p'))
        .map_or(Some(0), |text| std::str::from_utf8(text).ok().and_then(|text| text.parse::<i32>().ok()));
    Some(value * 2f64.powi(power?.saturating_sub(places.unwrap_or(0))))
}

/// `value` as `printf`'s `%g` writes it: six significant digits, no trailing zeros, an exponent where the number is
/// below 1e-4 or has more than six digits.
pub fn general(value: f64) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_nan() {
        return format!("{sign}nan");
    }
    if value.is_infinite() {
        return format!("{sign}inf");
    }
    let scientific = format!("{value:.5e}");
    let Some((digits, power)) = scientific.split_once('e') else { return scientific };
    let power: i32 = power.parse().unwrap_or(0);
    if (-4..6).contains(&power) {
        let places = usize::try_from(5 - power).unwrap_or(0);
        return without_zeros(&format!("{value:.places$}")).to_owned();
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(digits), power.unsigned_abs())
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_strtoul_cut_to_32_bits() {
        let cases: [(&str, Result<u32, NumberFault>); 11] = [
            ("", Err(NumberFault::Missing)),
            ("4", Ok(4)),
            (" \t+4", Ok(4)),
            ("-5", Ok(4_294_967_291)),
            ("4294967296", Ok(0)),
            ("99999999999999999999999", Ok(u32::MAX)),
            ("-99999999999999999999999", Ok(u32::MAX)),
            ("10foo", Err(NumberFault::Invalid)),
            ("4 ", Err(NumberFault::Invalid)),
            ("-", Err(NumberFault::Invalid)),
            (" ", Err(NumberFault::Invalid)),
        ];
        for (text, expected) in cases {
            assert_eq!(unsigned(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn fractions_are_read_by_atof_and_written_by_g() {
        let cases = [
            ("2.50", "2.5"),
            ("2.5x", "2.5"),
            (".5", "0.5"),
            ("5.", "5"),
            (".", "0"),
            ("x", "0"),
            ("", "0"),
            ("1e10", "1e+10"),
            ("1e", "1"),
            ("1e+", "1"),
            ("123456789", "1.23457e+08"),
            ("999999.5", "1e+06"),
            ("0.00001", "1e-05"),
            ("0.0001", "0.0001"),
            ("0x10", "16"),
            ("0x1.8p1", "3"),
            ("0x", "0"),
            (" -3", "-3"),
            ("inf", "inf"),
            ("-Infinity", "-inf"),
            ("nan", "nan"),
            ("100000", "100000"),
        ];
        for (text, expected) in cases {
            assert_eq!(general(float(text.as_bytes())), expected, "{text:?}");
        }
    }
}
