//! The table of figures.

use std::fmt;

use crate::Kind;
use crate::common::median;

/// One row of the table: the target, and each server's figure for each round.
pub(crate) struct Row {
    label: String,
    target: Target,
    sockkit: Vec<f64>,
    bare_loop: Vec<f64>,
}

/// The condition that a row's medians must meet.
pub(crate) enum Target {
    /// The echo server's figure divided by the bare loop's is at least this.
    RatioAtLeast(f64),
    /// The echo server's figure divided by the bare loop's is below this.
    RatioBelow(f64),
    /// The echo server's figure is at most this, whatever the bare loop's is.
    AtMost(f64),
    /// The figure is only stated; the bare loop has none.
    None,
}

impl Row {
    pub(crate) fn new(label: String, target: Target) -> Self {
        Self { label, target, sockkit: Vec::new(), bare_loop: Vec::new() }
    }

    pub(crate) fn add(&mut self, kind: Kind, figure: f64) {
        match kind {
            Kind::Sockkit => self.sockkit.push(figure),
            Kind::BareLoop => self.bare_loop.push(figure),
        }
    }

    fn ratio(&self) -> f64 {
        median(&self.sockkit) / median(&self.bare_loop)
    }

    pub(crate) fn is_met(&self) -> bool {
        match self.target {
            Target::RatioAtLeast(min) => self.ratio() >= min,
            Target::RatioBelow(bound) => self.ratio() < bound,
            Target::AtMost(max) => median(&self.sockkit) <= max,
            Target::None => true,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Self::RatioAtLeast(min) => format!("ratio >= {min}"),
            Self::RatioBelow(bound) => format!("ratio < {bound}"),
            Self::AtMost(max) => format!("at most {max}"),
            Self::None => String::new(),
        })
    }
}

pub(crate) fn print_table(rows: &[Row]) {
    let width = rows.iter().map(|row| row.label.len()).max().unwrap_or(0);
    let [sockkit, bare_loop] = Kind::BOTH;
    println!("{:width$}  {sockkit:>10}  {bare_loop:>10}  {:>5}  target", "", "ratio");
    for row in rows {
        if matches!(row.target, Target::None) {
            println!("{:width$}  {:>10.0}", row.label, median(&row.sockkit));
            continue;
        }
        println!(
            "{:width$}  {:>10.0}  {:>10.0}  {:>5.2}  {:14}  {}",
            row.label,
            median(&row.sockkit),
            median(&row.bare_loop),
            row.ratio(),
            row.target,
            if row.is_met() { "ok" } else { "NOT MET" },
        );
    }
}
