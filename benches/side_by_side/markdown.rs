//! Tables in Markdown, which can be copied into the guide.

use crate::arena::figures::Summary;

/// The first row is the head. All columns but the first are aligned to the right.
pub fn print(rows: &[Vec<String>]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap();
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for (n, row) in rows.iter().enumerate() {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
        println!("| {} |", cells.collect::<Vec<_>>().join(" | "));
        if n == 0 {
            let lines = widths.iter().enumerate().map(|(column, width)| match column {
                0 => "-".repeat(*width),
                _ => "-".repeat(width - 1) + ":",
            });
            println!("| {} |", lines.collect::<Vec<_>>().join(" | "));
        }
    }
}

/// `MEDIAN (MIN to MAX)`.
pub fn spread(summary: &Summary) -> String {
    let Summary { min, median, max } = summary;
    format!("{} ({} to {})", number(*median), number(*min), number(*max))
}

/// The same for a ratio. It says that two are equal if the ratio was sometimes below 1 and sometimes above.
pub fn ratio(summary: &Summary) -> String {
    let Summary { min, median, max } = summary;
    let equal = if (*min..=*max).contains(&1.0) { "equal, " } else { "" };
    format!("{equal}{median:.2} ({min:.2} to {max:.2})")
}

/// With three digits, or all of those before the point.
pub fn number(number: f64) -> String {
    match number {
        1000.0.. => thousands(number.round() as u64),
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        1.0.. => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

fn thousands(number: u64) -> String {
    match number {
        1000.. => format!("{},{:03}", thousands(number / 1000), number % 1000),
        _ => number.to_string(),
    }
}
