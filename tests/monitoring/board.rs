//! The board for Grafana.

use serde_json::Value;
use std::collections::BTreeSet;

/// How many columns Grafana's grid has.
const GRID_WIDTH: u64 = 24;

/// A board, as Grafana imports it.
pub struct Board(Value);

impl Board {
    pub fn read() -> Self {
        Self(serde_json::from_str(&crate::read("grafana.json")).unwrap())
    }

    fn panels(&self) -> &Vec<Value> {
        self.0["panels"].as_array().unwrap()
    }

    /// The expressions of all panels, each with its panel's title.
    pub fn expressions(&self) -> Vec<(String, String)> {
        let targets = |panel: &Value| panel["targets"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let of = |panel: &Value| -> Vec<(String, String)> {
            let title = text(&panel["title"]);
            targets(panel).iter().map(|each| (title.clone(), text(&each["expr"]))).collect()
        };
        self.panels().iter().flat_map(of).collect()
    }
}

#[test]
fn each_panel_has_its_own_id_and_place() {
    let board = Board::read();
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in board.panels() {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: the id of another panel");
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(w > 0 && h > 0 && x + w <= GRID_WIDTH, "{title}: outside of the grid");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "{title}: there is another panel in {cell:?}");
        }
    }
}

#[test]
fn each_panel_says_what_it_shows_and_in_which_unit() {
    for panel in Board::read().panels().iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        assert!(!title.is_empty(), "{panel}");
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title}");
        let defaults = &panel["fieldConfig"]["defaults"];
        let has_words = defaults["mappings"].as_array().is_some_and(|words| !words.is_empty());
        assert!(has_words || defaults["unit"].is_string(), "{title} has no unit");
        let targets = panel["targets"].as_array().unwrap();
        let legends = targets.iter().map(|target| target["legendFormat"].as_str().unwrap());
        assert!(legends.clone().count() > 0 && legends.clone().all(|text| !text.is_empty()));
    }
}

#[test]
fn it_can_be_imported_anywhere() {
    let board = Board::read();
    assert!(board.0.get("id").is_none(), "ids belong to one Grafana");
    assert!(board.0["schemaVersion"].as_u64().unwrap() >= 39);
    let variables = board.0["templating"]["list"].as_array().unwrap();
    let names: Vec<&str> = variables.iter().map(|each| each["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "instance", "service"]);
    let mut values = vec![&board.0];
    while let Some(value) = values.pop() {
        if let Some(source) = value.get("datasource") {
            assert_eq!(source["uid"], "${datasource}", "{value}");
        }
        match value {
            Value::Array(children) => values.extend(children),
            Value::Object(children) => values.extend(children.values()),
            _ => {}
        }
    }
    // Nobody is shown what was not chosen.
    for (title, expression) in board.expressions() {
        assert!(expression.contains("instance=~\"$instance\""), "{title}: {expression}");
    }
}
