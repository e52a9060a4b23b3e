//! The log pane: the last lines of every node, of which one node's and what matches are shown.

use std::collections::VecDeque;

use regex::{Regex, RegexBuilder};

use crate::cli::logs::Line;
use crate::spec::NodeId;

/// Lines that are kept, of all nodes together.
const KEPT: usize = 5_000;
/// The longest filter; nobody types more.
const LONGEST: usize = 200;

/// The last lines, and which are shown.
#[derive(Debug, Default)]
pub(in crate::cli::ui) struct LogPane {
    lines: VecDeque<Line>,
    /// Whose; everybody's when `None`.
    node: Option<NodeId>,
    filter: Filter,
}

/// What lines must match.
#[derive(Debug, Default)]
pub(in crate::cli::ui) struct Filter {
    text: String,
    regex: Option<Regex>,
}

impl Filter {
    /// As it is typed.
    pub(in crate::cli::ui) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is a regular expression, or nothing.
    pub(in crate::cli::ui) fn is_valid(&self) -> bool {
        self.text.is_empty() || self.regex.is_some()
    }

    /// What is no regular expression yet hides nothing: it may be half typed.
    fn wants(&self, text: &str) -> bool {
        self.regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

impl LogPane {
    /// Takes new lines; says whether one of them is shown.
    pub(in crate::cli::ui) fn add(&mut self, lines: Vec<Line>) -> bool {
        let shown = lines.iter().any(|line| self.wants(line));
        self.lines.extend(lines);
        let over = self.lines.len().saturating_sub(KEPT);
        self.lines.drain(..over);
        shown
    }

    /// The last lines that are shown, at most so many, the oldest first.
    pub(in crate::cli::ui) fn last(&self, most: usize) -> Vec<&Line> {
        let shown = self.lines.iter().rev().filter(|line| self.wants(line));
        let mut last: Vec<&Line> = shown.take(most).collect();
        last.reverse();
        last
    }

    /// Whose lines are shown; everybody's when `None`.
    pub(in crate::cli::ui) fn node(&self) -> Option<NodeId> {
        self.node
    }

    /// The filter.
    pub(in crate::cli::ui) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Shows the next node's lines; after the last one everybody's.
    pub(in crate::cli::ui) fn next_node(&mut self, nodes: &[NodeId]) {
        self.node = match self.node {
            None => nodes.first().copied(),
            Some(node) => nodes.iter().copied().find(|next| *next > node),
        };
    }

    /// Shows what matches; a text without capitals matches capitals too.
    pub(in crate::cli::ui) fn set_filter(&mut self, text: &str) {
        let text: String = text.chars().take(LONGEST).collect();
        let any_case = !text.chars().any(char::is_uppercase);
        let regex = RegexBuilder::new(&text).case_insensitive(any_case).build();
        self.filter = Filter {
            regex: regex.ok().filter(|_| !text.is_empty()),
            text,
        };
    }

    /// The command line that shows the same.
    pub(in crate::cli::ui) fn words(&self) -> String {
        let node = self.node.map(|node| format!(" {}", node.0));
        let words = format!("logs{} -f", node.unwrap_or_default());
        if self.filter.text.is_empty() {
            return words;
        }
        let any_case = !self.filter.text.chars().any(char::is_uppercase);
        let case = if any_case { "(?i)" } else { "" };
        let quoted = self.filter.text.replace('\'', r"'\''");
        format!("{words} --grep '{case}{quoted}'")
    }

    fn wants(&self, line: &Line) -> bool {
        self.node.is_none_or(|node| node == line.node) && self.filter.wants(&line.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(node: u64, text: &str) -> Line {
        Line::new(NodeId(node), text, "")
    }

    fn texts(pane: &LogPane) -> Vec<&str> {
        let last = pane.last(10);
        last.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn a_filter_and_a_node_choose_lines() {
        let mut pane = LogPane::default();
        assert!(pane.add(vec![line(1, "INFO up"), line(2, "ERROR down")]));
        pane.set_filter("err");
        assert_eq!(texts(&pane), ["ERROR down"]);
        assert!(!pane.add(vec![line(1, "INFO more")]), "nothing new to see");
        pane.next_node(&[NodeId(1), NodeId(2)]);
        assert!(texts(&pane).is_empty());
        assert_eq!(pane.words(), "logs 1 -f --grep '(?i)err'");
        pane.next_node(&[NodeId(1), NodeId(2)]);
        pane.set_filter("");
        assert_eq!(texts(&pane), ["ERROR down"]);
        pane.next_node(&[NodeId(1), NodeId(2)]);
        assert_eq!(pane.node(), None);
    }

    #[test]
    fn a_half_typed_expression_hides_nothing_and_says_so() {
        let mut pane = LogPane::default();
        pane.add(vec![line(1, "one")]);
        pane.set_filter("(o");
        assert!(!pane.filter().is_valid());
        assert_eq!(texts(&pane), ["one"]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut pane = LogPane::default();
        pane.add(
            (0..KEPT + 10)
                .map(|number| line(1, &number.to_string()))
                .collect(),
        );
        assert_eq!(pane.lines.len(), KEPT);
        assert_eq!(pane.last(1)[0].text, (KEPT + 9).to_string());
    }
}
