//! Whether markup is balanced, told without a parser of another's making.

/// Elements of HTML that have no end.
const VOID: [&str; 4] = ["meta", "br", "img", "link"];

/// The name and the rest of each tag; text between `<!`, `<?` and `>` is skipped.
pub(super) fn tags(markup: &str) -> Vec<&str> {
    let mut tags = Vec::new();
    let mut rest = markup;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<'), "a tag inside of a tag: {tag}");
        if !tag.starts_with(['!', '?']) {
            tags.push(tag);
        }
        // What scripts and styles hold is no markup.
        let raw = ["script", "style"].into_iter().find(|name| tag == *name);
        rest = &rest[end + 1..];
        if let Some(name) = raw {
            let close = format!("</{name}>");
            rest = &rest[rest.find(&close).expect("it is closed")..];
        }
    }
    tags
}

/// Fails unless each element is closed in its place.
pub(super) fn assert_balanced(markup: &str) {
    let mut open = Vec::new();
    for tag in tags(markup) {
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed in its place");
            continue;
        }
        let name = tag.split_whitespace().next().expect("a name");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name}");
        if !VOID.contains(&name) {
            open.push(name);
        }
        let quotes = tag.matches('"').count();
        assert!(quotes % 2 == 0, "each attribute is closed: {tag}");
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}
