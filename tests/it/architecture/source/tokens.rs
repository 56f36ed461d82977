//! Paths in token streams: what a macro call, a `macro_rules!` body or an attribute names.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt as _;

/// A path, or a single identifier that is neither a field, a method, a lifetime nor `$name`.
pub(super) struct TokenPath {
    pub(super) segments: Vec<String>,
    pub(super) is_macro_call: bool,
    pub(super) line: usize,
}

/// Every path in `tokens`, nested groups included.
pub(super) fn paths(tokens: TokenStream) -> Vec<TokenPath> {
    let mut found = Vec::new();
    collect(tokens, &mut found);
    found
}

fn collect(tokens: TokenStream, found: &mut Vec<TokenPath>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let start = at;
        at += 1;
        match token {
            TokenTree::Group(group) => collect(group.stream(), found),
            TokenTree::Ident(first) => {
                let mut segments = vec![first.unraw().to_string()];
                while let [colon, second, TokenTree::Ident(next), ..] = &tokens[at..]
                    && is(colon, ':')
                    && is(second, ':')
                {
                    segments.push(next.unraw().to_string());
                    at += 3;
                }
                if begins_path(&tokens[..start], first) {
                    let after = &tokens[at..];
                    let is_macro_call =
                        matches!(after, [mark, TokenTree::Group(_), ..] if is(mark, '!'));
                    let line = first.span().start().line;
                    found.push(TokenPath { segments, is_macro_call, line });
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Whether an identifier after the tokens `before` is the first segment of a path. It is not in
/// `.field`, `'lifetime`, `$variable`, `<T>::name` and `::absolute`.
fn begins_path(before: &[TokenTree], ident: &Ident) -> bool {
    match before {
        [.., first, second] if is(first, '.') && is(second, '.') => true,
        [.., first, second] if is(first, ':') && is(second, ':') => false,
        [.., last] if is(last, '$') => ident == "crate",
        [.., last] => !is(last, '.') && !is(last, '\''),
        [] => true,
    }
}

fn is(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}
