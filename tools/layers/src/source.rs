//! One source file: what it imports of its own crate, how long it is without its tests, and which of its modules are tests.
//!
//! It reads tokens rather than a syntax tree, since paths inside macros count, too. `proc_macro2` has done away with comments and made one
//! token of each string by then.

use std::iter::Peekable;
use std::slice::Iter;

use proc_macro2::{Delimiter, LexError, Span, TokenStream, TokenTree};

/// A file of a crate.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the workspace's root.
    pub(crate) file: String,
    /// The module that it is; nothing for `lib.rs`.
    pub(crate) module: Vec<String>,
    /// Whether all of it is tests, as far as its name or its own text tells.
    pub(crate) is_test: bool,
    /// Lines, without those of its tests.
    pub(crate) lines: usize,
    pub(crate) imports: Vec<Import>,
    /// In `lib.rs`: the names that it takes from rooms, and their paths.
    pub(crate) names: Vec<(String, Vec<String>)>,
    /// Modules that it declares for tests only.
    pub(crate) test_modules: Vec<Vec<String>>,
}

/// A path that begins in the own crate, in code that is no test.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) line: usize,
    /// From the crate's root, without `crate`.
    pub(crate) path: Vec<String>,
}

type Tokens<'a> = Peekable<Iter<'a, TokenTree>>;

impl Source {
    pub(crate) fn read(file: String, module: Vec<String>, text: &str) -> Result<Source, LexError> {
        let tokens: TokenStream = text.parse()?;
        let is_test = file.ends_with("/tests.rs") || file.contains("/tests/");
        let mut this = Source {
            lines: text.lines().count(),
            is_test,
            imports: Vec::new(),
            names: Vec::new(),
            test_modules: Vec::new(),
            file,
            module: module.clone(),
        };
        this.walk(tokens, &module);
        Ok(this)
    }

    /// Reads the tokens of a module, or of anything inside one.
    fn walk(&mut self, tokens: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.iter().peekable();
        while let Some(token) = rest.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    let inner = next_is(&mut rest, '!');
                    let Some(TokenTree::Group(attribute)) = rest.peek() else {
                        continue;
                    };
                    if !is_of_tests(attribute.stream()) {
                        continue;
                    }
                    if inner {
                        self.is_test = true;
                    } else {
                        self.skip_item(token.span(), &mut rest, module);
                    }
                }
                TokenTree::Group(group) => self.walk(group.stream(), module),
                TokenTree::Ident(word) => match word.to_string().as_str() {
                    "use" => self.read_tree(&mut rest, &mut Vec::new(), module),
                    "mod" => self.enter(&mut rest, module),
                    start @ ("crate" | "super" | "self") => {
                        let mut path = vec![start.to_owned()];
                        while let Some(segment) = next_segment(&mut rest) {
                            path.push(segment);
                        }
                        // One word is the value `self`, or `pub(crate)`.
                        if path.len() > 1 {
                            self.import(word.span(), &path, module);
                        }
                    }
                    _ => {}
                },
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// After `mod`: reads the module's body as one module further down.
    fn enter(&mut self, rest: &mut Tokens<'_>, module: &[String]) {
        if let Some(TokenTree::Ident(name)) = rest.next()
            && let Some(TokenTree::Group(body)) = rest.peek()
        {
            let module = [module, &[name.to_string()]].concat();
            self.walk(body.stream(), &module);
            rest.next();
        }
    }

    /// Reads what a `use` item imports, up to its end: `path` is what all of it begins with.
    fn read_tree(&mut self, rest: &mut Tokens<'_>, path: &mut Vec<String>, module: &[String]) {
        let before = path.len();
        let mut last = None;
        while let Some(token) = rest.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    if let (Some(TokenTree::Ident(name)), []) = (rest.next(), module) {
                        self.names.push((name.to_string(), path.clone()));
                    }
                }
                TokenTree::Ident(word) => {
                    path.push(word.to_string());
                    last = Some(word.span());
                }
                TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';') => {
                    if let Some(span) = last.take() {
                        self.import(span, path, module);
                    }
                    path.truncate(before);
                    if punct.as_char() == ';' {
                        return;
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == '*' => last = Some(punct.span()),
                TokenTree::Group(group) => {
                    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                    self.read_tree(&mut tokens.iter().peekable(), path, module);
                    path.truncate(before);
                    last = None;
                }
                _ => {}
            }
        }
        if let Some(span) = last {
            self.import(span, path, module);
        }
        path.truncate(before);
    }

    /// Keeps a path that begins in this crate, as one from the crate's root.
    fn import(&mut self, at: Span, path: &[String], module: &[String]) {
        let mut from_root = match path.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => module.to_vec(),
            _ => {
                if let ([], Some(name)) = (module, path.last()) {
                    self.names.push((name.clone(), path.to_vec()));
                }
                return;
            }
        };
        for segment in path {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => {
                    from_root.pop();
                }
                name => from_root.push(name.to_owned()),
            }
        }
        self.imports.push(Import {
            line: at.start().line,
            path: from_root,
        });
    }

    /// Passes over an item, statement, field or arm that only tests have. The first of its attributes, which began at `begin`, comes next.
    fn skip_item(&mut self, begin: Span, rest: &mut Tokens<'_>, module: &[String]) {
        rest.next();
        let mut words = Vec::new();
        let mut end = begin;
        while let Some(token) = rest.next() {
            end = token.span();
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                TokenTree::Punct(punct) if punct.as_char() == ',' && !is_item(&words) => break,
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    rest.next();
                }
                TokenTree::Ident(word) => words.push(word.to_string()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let goes_on =
                        matches!(rest.peek(), Some(TokenTree::Ident(word)) if word == "else");
                    if !goes_on && !ends_with_semicolon(&words) {
                        break;
                    }
                }
                _ => {}
            }
        }
        // `mod name;` leads to another file.
        let words = without_visibility(&words);
        if let ["mod", name] = words[..] {
            self.test_modules
                .push([module, &[name.to_owned()]].concat());
        }
        self.lines -= (end.end().line + 1)
            .saturating_sub(begin.start().line)
            .min(self.lines);
    }
}

fn next_is(rest: &mut Tokens<'_>, sign: char) -> bool {
    rest.next_if(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign))
        .is_some()
}

/// The name after `::`, if that comes next.
fn next_segment(rest: &mut Tokens<'_>) -> Option<String> {
    if !(next_is(rest, ':') && next_is(rest, ':')) {
        return None;
    }
    match rest.peek() {
        Some(TokenTree::Ident(word)) => {
            let word = word.to_string();
            rest.next();
            Some(word)
        }
        _ => None,
    }
}

/// Whether an attribute, of which this is what stands between the brackets, keeps code to builds of tests or to those that check themselves.
fn is_of_tests(attribute: TokenStream) -> bool {
    let mut tokens = attribute.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(word)), None) => word == "test",
        (Some(TokenTree::Ident(word)), Some(TokenTree::Group(of))) => {
            word == "cfg" && needs_tests(of.stream())
        }
        _ => false,
    }
}

/// Whether a `cfg` holds in no other build than those.
fn needs_tests(condition: TokenStream) -> bool {
    let mut tokens = condition.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(word)), Some(TokenTree::Group(of))) => {
            let mut parts = parts(of.stream()).into_iter();
            match word.to_string().as_str() {
                "all" => parts.any(needs_tests),
                "any" => parts.all(needs_tests),
                _ => false,
            }
        }
        (Some(TokenTree::Ident(word)), None) => word == "test" || word == "debug_assertions",
        _ => false,
    }
}

/// What stands between commas.
fn parts(list: TokenStream) -> Vec<TokenStream> {
    let tokens: Vec<TokenTree> = list.into_iter().collect();
    tokens
        .split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','))
        .filter(|part| !part.is_empty())
        .map(|part| part.iter().cloned().collect())
        .collect()
}

fn without_visibility(words: &[String]) -> Vec<&str> {
    words
        .iter()
        .map(String::as_str)
        .skip_while(|word| *word == "pub")
        .collect()
}

/// Whether these words begin an item or a statement, in which a comma ends nothing.
fn is_item(words: &[String]) -> bool {
    let begin = without_visibility(words);
    let begin = begin.first().copied().unwrap_or_default();
    ends_with_semicolon(words)
        || [
            "async",
            "enum",
            "extern",
            "fn",
            "for",
            "if",
            "impl",
            "loop",
            "macro_rules",
            "match",
            "mod",
            "struct",
            "trait",
            "union",
            "unsafe",
            "while",
        ]
        .contains(&begin)
}

/// Whether what these words begin goes on after a brace, up to a semicolon.
fn ends_with_semicolon(words: &[String]) -> bool {
    match without_visibility(words)[..] {
        ["const", "fn" | "unsafe" | "async" | "extern", ..] => false,
        [begin, ..] => ["use", "let", "static", "const", "type"].contains(&begin),
        [] => false,
    }
}
