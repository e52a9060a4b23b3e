//! `query_string` and `?q=`: Lucene's line of words, fields and operators.
//!
//! `error AND host:web-* -status:[200 TO 299] "out of memory"~2 msg:(a b)^2 _exists_:user /ab+c/`.
//! The crate that Tantivy brings reads a language of its own: an apostrophe opens a quotation
//! there, `&&`, `||` and `!` are no operators, and an escaped `*` is a wildcard again. Here each
//! parenthesis counts towards the depth, and a query's length is bounded before it is read.

mod cursor;

use serde_json::Value;

use self::cursor::{Cursor, Word};
use super::field::{field, weighed};
use super::leaf::{self, as_indexed, checked_regex, in_field, phrased, share, there, words};
use super::object::{Object, shown, texts};
use super::query::{any_of, boosted, weighted};
use super::range::{End, Included, between};
use super::{Parsed, Scope};
use crate::node::search::face::refusal::Refusal;
use crate::node::search::{Field, Query, Scalar, Words};

/// Bytes of one query.
const MAX_BYTES: usize = 16 << 10;

/// The fields that words without a field are looked for in, with their weights.
type Fields = [(Field, f32)];

/// `query_string` of the DSL.
pub(super) fn query_string(body: &Value, scope: &mut Scope, depth: usize) -> Parsed<Query> {
    const KNOWN: [&str; 7] = [
        "query",
        "default_field",
        "fields",
        "default_operator",
        "minimum_should_match",
        "boost",
        "lenient",
    ];
    let object = Object::new("query_string", body, &KNOWN)?;
    object.flag("lenient")?;
    let text = object.text("query")?;
    let text = text.ok_or_else(|| Refusal::parsing("[query_string] needs [query]"))?;
    let fields = match (object.text("default_field")?, object.get("fields")) {
        (Some(_), Some(_)) => {
            let reason = "[query_string] takes [default_field] or [fields], not both";
            return Err(Refusal::parsing(reason));
        }
        (Some(name), None) => vec![weighed(name)?],
        (None, Some(names)) => texts("query_string.fields", names)?
            .iter()
            .map(|name| weighed(name))
            .collect::<Parsed<_>>()?,
        (None, None) => vec![(Field::Everything, 1.0)],
    };
    let reader = Reader {
        operator: words(object.text("default_operator")?)?,
        share: object.get("minimum_should_match"),
        scope,
    };
    boosted(reader.read(text, &fields, depth)?, object)
}

/// `?q=`, with `?df=` and `?default_operator=`.
pub(super) fn line(
    text: &str,
    default_field: Option<&str>,
    operator: Option<&str>,
    scope: &mut Scope,
) -> Parsed<Query> {
    let fields = [default_field.map_or(Ok((Field::Everything, 1.0)), weighed)?];
    let reader = Reader {
        operator: words(operator)?,
        share: None,
        scope,
    };
    reader.read(text, &fields, 1)
}

struct Reader<'s, 'v> {
    operator: Words,
    share: Option<&'v Value>,
    scope: &'s mut Scope,
}

/// How a clause counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occur {
    Should,
    Must,
    Not,
}

impl Reader<'_, '_> {
    fn read(mut self, text: &str, fields: &Fields, depth: usize) -> Parsed<Query> {
        if text.len() > MAX_BYTES {
            let reason = format!("a query string has at most {MAX_BYTES} bytes");
            return Err(Refusal::parsing(reason));
        }
        let mut cursor = Cursor::new(text);
        let query = self.group(&mut cursor, fields, depth)?;
        if cursor.is_at_end() {
            Ok(query)
        } else {
            Err(cursor.stray())
        }
    }

    /// Clauses up to the end or a closing parenthesis, combined as Lucene does: `AND` requires its
    /// two neighbours, `OR` and nothing leave them to the default.
    fn group(&mut self, cursor: &mut Cursor, fields: &Fields, depth: usize) -> Parsed<Query> {
        self.scope.enter(depth)?;
        let mut clauses: Vec<(Occur, Query)> = Vec::new();
        loop {
            let joint = cursor.joint();
            let prefix = cursor.occur();
            if cursor.is_at_end() || cursor.peek() == Some(')') {
                if joint.is_some() || prefix.is_some() {
                    return Err(cursor.expected("a word"));
                }
                break;
            }
            if let (Some(cursor::Joint::And), Some((last @ Occur::Should, _))) =
                (joint, clauses.last_mut())
            {
                *last = Occur::Must;
            }
            if let (Some(cursor::Joint::Or), Words::Every, Some((last @ Occur::Must, _))) =
                (joint, self.operator, clauses.last_mut())
            {
                *last = Occur::Should;
            }
            let required = match joint {
                Some(cursor::Joint::And) => true,
                Some(cursor::Joint::Or) => false,
                None => self.operator == Words::Every,
            };
            let otherwise = if required { Occur::Must } else { Occur::Should };
            let query = self.clause(cursor, fields, depth)?;
            clauses.push((prefix.unwrap_or(otherwise), query));
        }
        self.combined(clauses)
    }

    fn combined(&self, clauses: Vec<(Occur, Query)>) -> Parsed<Query> {
        let (mut must, mut should, mut must_not) = (Vec::new(), Vec::new(), Vec::new());
        for (occur, query) in clauses {
            match occur {
                Occur::Must => must.push(query),
                Occur::Should => should.push(query),
                Occur::Not => must_not.push(query),
            }
        }
        if must_not.is_empty() && must.len() + should.len() <= 1 {
            must.append(&mut should);
            return Ok(any_of(must));
        }
        if must.is_empty() && should.is_empty() {
            // Without anything wanted, all but what is unwanted.
            must.push(Query::All);
        }
        let otherwise = usize::from(must.is_empty());
        let at_least = share(self.share, should.len(), otherwise)?;
        Ok(Query::Bool {
            must,
            filter: Vec::new(),
            should,
            must_not,
            at_least,
        })
    }

    fn clause(&mut self, cursor: &mut Cursor, fields: &Fields, depth: usize) -> Parsed<Query> {
        self.scope.enter(depth)?;
        let query = match cursor.field() {
            None => self.value(cursor, fields, depth)?,
            Some(name) if name == "_exists_" => {
                let word = cursor
                    .word()
                    .ok_or_else(|| cursor.expected("a field's name"))?;
                there(&word.plain()?)?
            }
            Some(name) if name == "*" && cursor.take("*") => Query::All,
            Some(name) => {
                let fields = [(field(&name)?, 1.0)];
                self.value(cursor, &fields, depth)?
            }
        };
        Ok(match cursor.boost()? {
            Some(by) => weighted(query, by),
            None => query,
        })
    }

    fn value(&mut self, cursor: &mut Cursor, fields: &Fields, depth: usize) -> Parsed<Query> {
        match cursor.peek() {
            Some('(') => {
                cursor.take("(");
                let query = self.group(cursor, fields, depth + 1)?;
                if cursor.take(")") {
                    Ok(query)
                } else {
                    Err(cursor.expected("[)]"))
                }
            }
            Some('"') => {
                let (text, slop) = cursor.phrase()?;
                let slop = leaf::moves(slop)?;
                Self::in_each(fields, |field| phrased(field, text.clone(), slop))
            }
            Some('/') => {
                let pattern = checked_regex(cursor.regex()?)?;
                Self::in_each(fields, |field| {
                    Ok(Query::Regexp {
                        field: field.clone(),
                        pattern: pattern.clone(),
                    })
                })
            }
            Some('[' | '{') => self.range(cursor, fields),
            Some('<' | '>') => self.comparison(cursor, fields),
            _ => {
                let word = cursor.word().ok_or_else(|| cursor.expected("a word"))?;
                Self::in_each(fields, |field| word_query(field, &word))
            }
        }
    }

    fn in_each(fields: &Fields, query: impl Fn(&Field) -> Parsed<Query>) -> Parsed<Query> {
        let each = fields
            .iter()
            .map(|(field, weight)| Ok(weighted(query(field)?, *weight)));
        let mut queries = each.collect::<Parsed<Vec<_>>>()?;
        Ok(match queries.len() {
            0 | 1 => queries.pop().unwrap_or(Query::Nothing),
            _ => Query::Best(queries),
        })
    }

    /// `[1 TO 5]`, `{1 TO 5}` and mixed ones; `*` is open.
    fn range(&self, cursor: &mut Cursor, fields: &Fields) -> Parsed<Query> {
        let range = cursor.range()?;
        let ends = [
            end(&range.from, range.from_included),
            end(&range.to, range.to_included),
        ];
        Self::in_each(fields, |field| between(field, ends.clone(), self.scope))
    }

    /// `>5`, `>=5`, `<5`, `<=5`.
    fn comparison(&self, cursor: &mut Cursor, fields: &Fields) -> Parsed<Query> {
        let above = cursor.take(">");
        if !above {
            cursor.take("<");
        }
        let included = if cursor.take("=") {
            Included::Yes
        } else {
            Included::No
        };
        let word = cursor.word().ok_or_else(|| cursor.expected("a value"))?;
        let end = end(&word.plain()?, included);
        let ends = if above { [end, None] } else { [None, end] };
        Self::in_each(fields, |field| between(field, ends.clone(), self.scope))
    }
}

/// One end of a range; `*` is open.
fn end(text: &str, included: Included) -> End {
    (text != "*").then(|| (Value::String(text.to_owned()), included))
}

fn word_query(field: &Field, word: &Word) -> Parsed<Query> {
    let field_of = || field.clone();
    if word.is_star() {
        return Ok(match field {
            Field::Everything => Query::All,
            field => Query::Exists {
                field: field.clone(),
            },
        });
    }
    if let Some(prefix) = word.prefix() {
        leaf::check_pattern("prefix", &prefix)?;
        let prefix = as_indexed(field, prefix);
        return Ok(Query::Prefix {
            field: field_of(),
            prefix,
        });
    }
    if word.has_wildcards() {
        leaf::check_pattern("wildcard", word.raw())?;
        let pattern = as_indexed(field, word.raw().to_owned());
        return Ok(Query::Wildcard {
            field: field_of(),
            pattern,
        });
    }
    if word.is_fuzzy() {
        let reason = format!(
            "[{}]: words that are only alike are not served",
            shown(word.raw())
        );
        return Err(Refusal::parsing(reason));
    }
    match field {
        // One word, whole as it is.
        Field::Whole(_) => Ok(Query::Terms {
            values: vec![Scalar::Text(word.plain()?)],
            field: field_of(),
        }),
        _ => in_field(field, word.plain()?, Words::Every),
    }
}
