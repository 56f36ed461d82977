//! The tables.

use crate::common::median;
use crate::tool::Tool;
use crate::transfer::Memory;

/// Target: each sockkit process uses fewer bytes of memory than this.
const MAX_MEMORY: f64 = 20e6;

/// One row of the table: a tool and its rate in each round.
pub(crate) struct Row {
    pub(crate) tool: Tool,
    pub(crate) rates: Vec<f64>,
}

impl Row {
    pub(crate) fn new(tool: Tool) -> Self {
        Self { tool, rates: Vec::new() }
    }
}

/// Prints all figures and returns whether every target is met. The first row must be sockkit's.
/// `slow` is the memory with a slow reader, if measured.
pub(crate) fn print_table(name: &str, rows: &[Row], memory: Memory, slow: Option<Memory>) -> bool {
    let verdict = |met: bool| if met { "ok" } else { "NOT MET" };
    let mut all_met = true;
    let sockkit = median(&rows[0].rates);
    println!("{name:24}  {:>9}  {:>10}  target", "GiB/s", "ratio");
    for row in rows {
        let rate = median(&row.rates);
        print!("{:24}  {:>9.2}", row.tool, rate / f64::from(1 << 30));
        let Some(min) = row.tool.min_ratio() else {
            println!();
            continue;
        };
        let ratio = sockkit / rate;
        let met = ratio >= min;
        all_met &= met;
        println!("  {ratio:>10.2}  ratio >= {min:<5}  {}", verdict(met));
    }
    let fast = [("connect, peak memory", memory.connect), ("listen, peak memory", memory.listen)];
    let slow = slow
        .map(|slow| [("connect, slow reader", slow.connect), ("listen, slow reader", slow.listen)]);
    for (label, bytes) in fast.into_iter().chain(slow.into_iter().flatten()) {
        let (megabytes, max) = (bytes / 1e6, MAX_MEMORY / 1e6);
        let met = bytes < MAX_MEMORY;
        all_met &= met;
        println!("{label:24}  {megabytes:>6.1} MB  {:>10}  < {max} MB        {}", "", verdict(met));
    }
    all_met
}
