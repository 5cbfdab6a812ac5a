//! A bar chart of processor time per poem, as SVG. It has its own background, so that it can be shown on a
//! light page and on a dark one.

use crate::arena::contenders::POEM;
use crate::arena::figures::{Summary, hardware};
use crate::peers::LOAD;
use crate::table::Figures;
use std::fmt::Write;

// All in pixels.
const WIDTH: usize = 720;
const MARGIN: usize = 20;
/// Where bars begin, and how long the longest whisker is; right of that there is room for a value.
const ORIGIN: usize = 150;
const LONGEST: f64 = 470.0;
/// Where the first row begins, below the title.
const TOP: usize = 58;
const ROW: usize = 34;
const BAR: usize = 20;

const STYLE: &str = "text { font: 13px system-ui, 'DejaVu Sans', sans-serif; fill: #1f2328 } \
                     .title { font-size: 16px; font-weight: 600 } .note { font-size: 11px; fill: #59636e } \
                     .bar { fill: #9db2c9 } .first { fill: #e07b39 } \
                     .whisker { stroke: #1f2328; stroke-width: 1.5; fill: none }";

/// The first contender is highlighted. `cores`: which cores were used.
pub fn bars(all: &[Figures], cores: &str) -> String {
    let notes = TOP + all.len() * ROW + 18;
    let height = notes + 16 + MARGIN;
    let longest = all.iter().map(|figures| figures.summary().max).fold(0.0, f64::max);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\">\n<style>{STYLE}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\"/>\n"
    );
    let title =
        format!("What a poem of {} bytes costs the server: microseconds of CPU time", POEM.len());
    text(&mut svg, "title", MARGIN, MARGIN + 16, &title);
    for (n, figures) in all.iter().enumerate() {
        row(&mut svg, n, figures, LONGEST / longest);
    }
    let meaning = format!(
        "Bar: median of {} rounds of {} poems each; whisker: lowest and highest round.",
        all[0].nanoseconds.len(),
        LOAD.poems
    );
    text(&mut svg, "note", MARGIN, notes, &meaning);
    text(&mut svg, "note", MARGIN, notes + 16, &format!("{}; {cores}", hardware()));
    svg + "</svg>\n"
}

/// `scale`: pixels per nanosecond.
fn row(svg: &mut String, number: usize, figures: &Figures, scale: f64) {
    let Summary { min, median, max } = figures.summary();
    let [low, middle, high] = [min, median, max].map(|time| ORIGIN as f64 + time * scale);
    let top = TOP + number * ROW;
    let (center, baseline) = (top + BAR / 2, top + BAR / 2 + 5);
    let class = if number == 0 { "bar first" } else { "bar" };
    text(svg, "name", MARGIN, baseline, figures.name);
    let width = middle - ORIGIN as f64;
    let bar = format!("x=\"{ORIGIN}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\"");
    writeln!(svg, "<rect class=\"{class}\" {bar}/>").unwrap();
    let caps = center - 4;
    writeln!(
        svg,
        "<path class=\"whisker\" d=\"M{low:.1} {caps}v8M{low:.1} {center}H{high:.1}M{high:.1} {caps}v8\"/>"
    )
    .unwrap();
    text(svg, "value", high.ceil() as usize + 8, baseline, &format!("{:.1} µs", median / 1e3));
}

fn text(svg: &mut String, class: &str, x: usize, y: usize, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>").unwrap();
}
