//! A figure with its unit, for people.

use crate::workloads::Unit;

/// Three places that mean something, and the unit.
pub(super) fn show(figure: f64, unit: Unit) -> String {
    let (figure, unit) = match unit {
        Unit::Bytes if figure >= 1e5 => (figure / 1024.0, " KiB"),
        Unit::Bytes => (figure, " B"),
        Unit::Count => (figure, ""),
        Unit::Time if figure < 1e-6 => (figure * 1e9, " ns"),
        Unit::Time if figure < 1e-3 => (figure * 1e6, " µs"),
        Unit::Time if figure < 10.0 => (figure * 1e3, " ms"),
        Unit::Time => (figure, " s"),
    };
    let decimals = match figure {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{figure:.decimals$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_places_and_say_their_unit() {
        let times = [
            1.234e-9, 12.34e-9, 123.4e-9, 1.234e-6, 1.234e-3, 1.234, 12.34,
        ];
        let shown = times.map(|time| show(time, Unit::Time));
        let expected = [
            "1.23 ns", "12.3 ns", "123 ns", "1.23 µs", "1.23 ms", "1234 ms", "12.3 s",
        ];
        assert_eq!(shown, expected);
        assert_eq!(show(80.0, Unit::Bytes), "80.0 B");
        assert_eq!(show(2.034, Unit::Count), "2.03");
    }
}
