//! The size of things, and that every module says what it is for.

use super::{Violation, lexer::Token, source::SourceFile};

pub const DOCS_RULE: &str = "docs";
pub const SIZE_RULE: &str = "size";

/// Lines of a file of `src/`.
const FILE_LINES: usize = 400;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES: usize = 70;
/// Lines of tests that may stand in the file that they test.
const INLINE_TEST_LINES: usize = 100;
/// Lines of a document: a few that are read beat many that are not.
const DOCUMENT_LINES: usize = 250;
/// Lines of `//!` at the top of a `mod.rs`, without diagrams between fences.
const ROOM_DOC_LINES: std::ops::RangeInclusive<usize> = 5..=15;

/// Every module opens with `//!`; a `mod.rs` introduces its room in a few lines.
pub fn check_docs(files: &[SourceFile]) -> Vec<Violation> {
    files.iter().filter(|file| file.path.ends_with(".rs")).filter_map(check_opening).collect()
}

fn check_opening(file: &SourceFile) -> Option<Violation> {
    let lines = opening_lines(&file.text);
    if lines == 0 {
        let fix = "begin with what it is for and what may not happen here";
        return Some(file.violation(DOCS_RULE, 1, "the module does not open with `//!`", fix));
    }
    // Tests introduce themselves by their names.
    let is_room = file.path.ends_with("/mod.rs") && !file.path.ends_with("/tests/mod.rs");
    let unfit = is_room && !ROOM_DOC_LINES.contains(&lines);
    unfit.then(|| {
        let found = format!("the room is introduced in {lines} lines");
        let fix = "say in 5 to 15 lines of `//!` what it is for, what may not happen here and where \
                   to start reading";
        file.violation(DOCS_RULE, 1, found, fix)
    })
}

/// How many lines of `//!` the text opens with; a fenced diagram counts as none.
fn opening_lines(text: &str) -> usize {
    let opening = text.lines().map_while(|line| line.strip_prefix("//!"));
    let mut fenced = false;
    let mut count = 0;
    for line in opening {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            count += 1;
        }
    }
    count
}

/// Files, functions, tests beside code, and documents stay small.
pub fn check_sizes(files: &[SourceFile]) -> Vec<Violation> {
    files.iter().flat_map(check_size).collect()
}

fn check_size(file: &SourceFile) -> Vec<Violation> {
    let (limit, fix) = if file.path.ends_with(".md") {
        (DOCUMENT_LINES, "say less, or say it beside the code")
    } else {
        (FILE_LINES, "split it by what it is for, or move its tests to a sibling `tests.rs`")
    };
    let lines = file.text.lines().count();
    let too_long = (lines > limit)
        .then(|| file.violation(SIZE_RULE, 1, format!("{lines} lines, of {limit} at most"), fix));
    let blocks = (0..file.tokens.len()).filter_map(|at| check_block(file, at));
    too_long.into_iter().chain(blocks).collect()
}

/// The function or the module of tests that begins at token `at`, if it is too long.
fn check_block(file: &SourceFile, at: usize) -> Option<Violation> {
    let name = file.tokens.get(at + 1)?.word()?;
    let (limit, fix) = match file.tokens[at].word()? {
        "fn" => (FUNCTION_LINES, "give its parts names and make them functions"),
        "mod" if name == "tests" => (INLINE_TEST_LINES, "move the tests to a sibling `tests.rs`"),
        _ => return None,
    };
    let lines = block_lines(&file.tokens[at..])?;
    (lines > limit).then(|| {
        let found = format!("`{name}` has {lines} lines, of {limit} at most");
        file.violation(SIZE_RULE, file.tokens[at].line, found, fix)
    })
}

/// Lines from the first token to the brace that closes the item's body; `None` if it has no body.
fn block_lines(tokens: &[Token]) -> Option<usize> {
    let (mut braces, mut brackets) = (0usize, 0usize);
    for token in tokens {
        if token.is_mark('(') || token.is_mark('[') {
            brackets += 1;
        } else if token.is_mark(')') || token.is_mark(']') {
            brackets = brackets.saturating_sub(1);
        } else if token.is_mark('{') {
            braces += 1;
        } else if token.is_mark('}') {
            braces = braces.saturating_sub(1);
            if braces == 0 && brackets == 0 {
                return Some(token.line - tokens[0].line + 1);
            }
        } else if token.is_mark(';') && braces == 0 && brackets == 0 {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docs(path: &str, text: &str) -> usize {
        check_docs(&[SourceFile::new(path, text)]).len()
    }

    fn sizes(path: &str, text: &str) -> Vec<String> {
        check_sizes(&[SourceFile::new(path, text)]).into_iter().map(|v| v.found).collect()
    }

    #[test]
    fn a_module_opens_with_its_purpose() {
        assert_eq!(docs("src/a/b.rs", "//! For b.\n"), 0);
        for text in ["", "use a::b;\n//! Late.\n", "// For b.\n", "/// For b.\nfn f() {}\n"] {
            assert_eq!(docs("src/a/b.rs", text), 1, "{text:?}");
        }
        assert_eq!(docs("docs/A.md", "# A"), 0);
    }

    #[test]
    fn a_room_is_introduced_in_5_to_15_lines() {
        for (lines, expected) in [(4, 1), (5, 0), (15, 0), (16, 1)] {
            assert_eq!(docs("src/a/mod.rs", &"//! Line.\n".repeat(lines)), expected, "{lines}");
        }
        let diagram = format!("//! ```text\n{}//! ```\n", "//! -->\n".repeat(30));
        assert_eq!(docs("src/a/mod.rs", &("//! Line.\n".repeat(5) + &diagram)), 0);
    }

    #[test]
    fn files_and_documents_end() {
        assert_eq!(sizes("src/a.rs", &"\n".repeat(400)), [""; 0]);
        assert_eq!(sizes("src/a.rs", &"\n".repeat(401)), ["401 lines, of 400 at most"]);
        assert_eq!(sizes("docs/A.md", &"\n".repeat(250)), [""; 0]);
        assert_eq!(sizes("docs/A.md", &"\n".repeat(251)), ["251 lines, of 250 at most"]);
    }

    #[test]
    fn functions_and_tests_beside_code_end() {
        let body = |lines: usize| "    let x = '}'; // }\n".repeat(lines - 2);
        let function =
            |lines: usize| format!("fn f(x: [u8; 4])\n{{\n{}}}\nfn g() {{}}\n", body(lines - 1));
        assert_eq!(sizes("src/a.rs", &function(70)), [""; 0]);
        assert_eq!(sizes("src/a.rs", &function(71)), ["`f` has 71 lines, of 70 at most"]);
        let tests = |lines| format!("mod tests {{\n{}}}\n", body(lines));
        assert_eq!(sizes("src/a.rs", &tests(100)), [""; 0]);
        assert_eq!(sizes("src/a.rs", &tests(101)), ["`tests` has 101 lines, of 100 at most"]);
        assert_eq!(sizes("src/a.rs", &format!("fn f();\nmod t;\n{}", tests(100))), [""; 0]);
    }
}
