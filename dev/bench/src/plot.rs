//! Bar charts in SVG, readable on light and dark pages.

use std::fmt::Write as _;

/// A bar chart: for each row a label, and a bar for each subject.
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) unit: &'static str,
    /// For values that differ by factors of a thousand: the bars of small ones would have no length otherwise.
    pub(super) logarithmic: bool,
    pub(super) rows: Vec<(String, Vec<(&'static str, f64)>)>,
}

const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 120.0;
const BAR: f64 = 14.0;
const TOP: f64 = 44.0;

impl Plot {
    /// The content of the file.
    pub(super) fn svg(&self) -> String {
        let values = self.rows.iter().flat_map(|(_, bars)| bars.iter().map(|(_, value)| *value));
        let greatest = values.clone().fold(f64::MIN_POSITIVE, f64::max);
        let least = values.filter(|value| *value > 0.0).fold(greatest, f64::min);
        let mut bars = String::new();
        let mut y = TOP;
        for (label, row) in &self.rows {
            let middle = y + BAR * f64::from(u8::try_from(row.len()).unwrap_or(u8::MAX)) / 2.0 + 4.0;
            let x = LEFT - 10.0;
            let label = escape(label);
            let _ = write!(bars, r#"<text x="{x}" y="{middle:.1}" text-anchor="end">{label}</text>"#);
            for (subject, value) in row {
                let length = self.share(*value, least, greatest) * (WIDTH - LEFT - RIGHT);
                let (text_x, text_y) = (LEFT + length + 6.0, y + BAR - 3.0);
                let text = format!("{} {}", short(*value), self.unit);
                let _ = write!(
                    bars,
                    r#"<rect x="{LEFT}" y="{y:.1}" width="{length:.1}" height="{:.1}" fill="{}"/><text x="{text_x:.1}" y="{text_y:.1}" class="v">{text} · {subject}</text>"#,
                    BAR - 2.0,
                    colour(subject)
                );
                y += BAR;
            }
            y += 10.0;
        }
        let scale = if self.logarithmic { ", logarithmic" } else { "" };
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0}" width="{WIDTH}" height="{y:.0}" role="img"><style>text{{font:12px system-ui,sans-serif;fill:#6b7280}}.t{{font-size:15px;font-weight:600}}.v{{font-size:11px}}</style><text x="10" y="22" class="t">{}{scale}</text>{bars}</svg>"#,
            escape(&self.title)
        )
    }

    /// The length of a bar from 0 to 1. On a logarithmic scale the smallest value has a visible bar too.
    fn share(&self, value: f64, least: f64, greatest: f64) -> f64 {
        if !self.logarithmic {
            return value / greatest;
        }
        let floor = least / 2.0;
        if value <= 0.0 || greatest <= floor { 0.0 } else { (value / floor).ln() / (greatest / floor).ln() }
    }
}

fn colour(subject: &str) -> &'static str {
    match subject {
        "us" => "#d9480f",
        "peer" => "#1c7ed6",
        _ => "#9aa5b1",
    }
}

/// A value with three significant digits, if it is below 1000.
pub(super) fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_the_greatest_value() {
        let plot = |logarithmic| Plot { title: "T".into(), unit: "ms", logarithmic, rows: Vec::new() };
        for logarithmic in [false, true] {
            let plot = plot(logarithmic);
            assert!((plot.share(8.0, 2.0, 8.0) - 1.0).abs() < 1e-9);
            assert!(plot.share(2.0, 2.0, 8.0) > 0.0);
            assert!(plot.share(2.0, 2.0, 8.0) < plot.share(4.0, 2.0, 8.0));
        }
    }

    #[test]
    fn a_label_can_not_break_the_file() {
        let rows = vec![("a < b & c".to_owned(), vec![("us", 1.0)])];
        let svg = Plot { title: "T".into(), unit: "ms", logarithmic: false, rows }.svg();
        assert!(svg.contains("a &lt; b &amp; c") && svg.ends_with("</svg>"));
    }
}
