//! Columns under headers: no borders, two blanks between, and colour codes have no width.

use console::measure_text_width;

use super::Style;

/// What stands between two columns.
pub(super) const GAP: usize = 2;

/// Rows of texts under headers; a row may be shorter than the headers.
#[derive(Debug)]
pub(in crate::cli) struct Table {
    /// The headers first.
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headers.
    pub(in crate::cli) fn new(headers: &[&str]) -> Self {
        let headers = headers.iter().map(ToString::to_string).collect();
        Self {
            rows: vec![headers],
        }
    }

    /// Adds a row; each text is one line.
    pub(in crate::cli) fn add_row(&mut self, texts: impl IntoIterator<Item = String>) {
        self.rows.push(texts.into_iter().collect());
    }

    /// The table without blanks at the line ends.
    pub(in crate::cli) fn text(&self) -> String {
        self.first(&self.widths())
    }

    /// On a terminal only the columns that it has room for: lines that wrap are no table.
    pub(in crate::cli) fn shown(&self, style: Style) -> String {
        match style.columns() {
            Some(columns) => self.fitted(columns.into()),
            None => self.text(),
        }
    }

    /// The same with as many columns as there is room for; the first ones stay.
    fn fitted(&self, room: usize) -> String {
        let mut widths = self.widths();
        let needs = |widths: &[usize]| {
            let gaps = GAP * widths.len().saturating_sub(1);
            widths.iter().sum::<usize>() + gaps
        };
        while widths.len() > 1 && needs(&widths) > room {
            widths.pop();
        }
        self.first(&widths)
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            let texts = self.rows.iter().filter_map(|row| row.get(column));
            texts
                .map(|text| measure_text_width(text))
                .max()
                .unwrap_or(0)
        };
        (0..columns).map(widest).collect()
    }

    /// The columns that have a width here.
    fn first(&self, widths: &[usize]) -> String {
        let lines = self.rows.iter().map(|row| line(row, widths));
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (text, width) in row.iter().zip(widths) {
        line.push_str(text);
        let blanks = width + GAP - measure_text_width(text);
        line.extend(std::iter::repeat_n(' ', blanks));
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(style: Style) -> Table {
        let mut table = Table::new(&["NODE", "STATE", "TERM"]);
        let row = |state: String, term: &str| ["node-1".to_owned(), state, term.to_owned()];
        table.add_row(row(style.green("● ready"), "1"));
        table.add_row(row(style.yellow("◐ not ready"), "日本"));
        table.add_row(["node-3".to_owned(), style.red("✗ silent")]);
        table
    }

    #[test]
    fn colour_moves_no_column() {
        let plain = table(Style::plain()).text();
        assert_eq!(
            plain,
            "NODE    STATE        TERM\n\
             node-1  ● ready      1\n\
             node-1  ◐ not ready  日本\n\
             node-3  ✗ silent"
        );
        let colored = table(Style::colored()).text();
        assert_ne!(colored, plain);
        assert_eq!(console::strip_ansi_codes(&colored), plain);
    }

    #[test]
    fn the_last_columns_go_where_there_is_no_room() {
        let table = table(Style::plain());
        assert_eq!(table.fitted(25), table.text());
        let narrow = table.fitted(24);
        assert_eq!(narrow.lines().next(), Some("NODE    STATE"));
        assert_eq!(table.fitted(0).lines().next(), Some("NODE"));
    }
}
