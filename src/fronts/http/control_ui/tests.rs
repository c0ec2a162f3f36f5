//! What a path names, row by row, in a directory with everything that must not get out of it.

use std::{fs, os::unix::fs::symlink, path::Path};

use actix_web::{http::header::ACCEPT_ENCODING, test::TestRequest};

use super::{
    files::{Accepted, Found, find},
    page::placed,
    policy,
};

/// `ui/` with a page and its files, and `secret` beside it.
fn house() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    for name in ["ui/assets", "ui/.git", "elsewhere"] {
        fs::create_dir_all(at(name)).unwrap();
    }
    for path in [
        "ui/index.html",
        "ui/sw.js",
        "ui/assets/index-AbCdEf12.js",
        "ui/assets/index-AbCdEf12.js.br",
        "ui/assets/plain.js",
        "ui/.env",
        "ui/.git/config",
        "secret",
        "elsewhere/secret.js",
    ] {
        fs::write(at(path), path).unwrap();
    }
    for (target, link) in [
        ("../secret", "ui/out"),
        ("../elsewhere", "ui/way"),
        ("/etc/hostname", "ui/absolute.txt"),
        ("sw.js", "ui/alias.js"),
        (".git", "ui/git"),
        ("loop.js", "ui/loop.js"),
    ] {
        symlink(target, at(link)).unwrap();
    }
    dir
}

/// What is found: `page`, `nothing`, or what stands in the file.
fn found(root: &Path, path: &str, encodings: &str, page_instead: bool) -> String {
    let request = TestRequest::default().insert_header((ACCEPT_ENCODING, encodings));
    let accepted = Accepted::of(&request.to_http_request());
    match find(root, path, accepted, page_instead).unwrap() {
        None => "nothing".into(),
        Some(Found::Page(html)) => format!("page {html}"),
        Some(Found::File(file)) => file.text(),
    }
}

#[test]
fn a_path_names_what_lies_in_the_directory_and_nothing_else() {
    let house = house();
    let root = house.path().join("ui");
    let script = "ui/assets/index-AbCdEf12.js";
    for (path, encodings, browser, program) in [
        ("", "", "page ui/index.html", "page ui/index.html"),
        ("index.html", "", "page ui/index.html", "page ui/index.html"),
        ("sw.js", "", "ui/sw.js", "ui/sw.js"),
        ("alias.js", "", "ui/sw.js", "ui/sw.js"),
        ("assets/index-AbCdEf12.js", "", script, script),
        ("assets/index-AbCdEf12.js", "gzip, BR", &format!("{script}.br"), &format!("{script}.br")),
        ("assets/index-AbCdEf12.js", "br;q=0, gzip", script, script),
        ("assets/index-AbCdEf12.js", "br; q=0.000", script, script),
        ("assets/plain.js", "br", "ui/assets/plain.js", "ui/assets/plain.js"),
        ("chat/main", "", "page ui/index.html", "nothing"),
        ("chat/agent%3Amain%3Amain", "", "page ui/index.html", "nothing"),
        ("assets", "", "page ui/index.html", "nothing"),
        ("assets/", "", "page ui/index.html", "nothing"),
        ("missing.js", "", "nothing", "nothing"),
        ("sw.js/x", "", "page ui/index.html", "nothing"),
        // Out of the directory, or at what no page has.
        ("../secret", "", "nothing", "nothing"),
        ("assets/../../secret", "", "nothing", "nothing"),
        ("..%2fsecret", "", "nothing", "nothing"),
        ("%2e%2e/secret", "", "page ui/index.html", "nothing"),
        ("..\\secret", "", "nothing", "nothing"),
        ("/etc/hostname", "", "page ui/index.html", "nothing"),
        ("out", "", "page ui/index.html", "nothing"),
        ("way/secret.js", "", "nothing", "nothing"),
        ("absolute.txt", "", "nothing", "nothing"),
        ("git/config", "", "page ui/index.html", "nothing"),
        (".env", "", "nothing", "nothing"),
        (".git/config", "", "nothing", "nothing"),
        ("loop.js", "", "nothing", "nothing"),
        (&"x".repeat(5000), "", "page ui/index.html", "nothing"),
    ] {
        assert_eq!(found(&root, path, encodings, true), browser, "{path} {encodings}");
        assert_eq!(found(&root, path, encodings, false), program, "{path} {encodings}");
    }
}

#[test]
fn a_directory_that_is_gone_is_an_error_and_no_empty_page() {
    let request = TestRequest::default().to_http_request();
    assert!(find(Path::new("/nonexistent"), "", Accepted::of(&request), true).is_err());
}

#[test]
fn the_page_names_its_files_from_the_root() {
    let html = "<html lang=\"en\"><link href=\"./a.css\"><script src=\"./b.js\"><a href=\"./\">";
    for (base, head) in [("", "/"), ("/x", "/x/")] {
        let placed = placed(html, base);
        let attributes = format!(
            "<html data-openclaw-control-ui-base-path=\"{base}\" \
             data-openclaw-terminal-enabled=\"false\" lang=\"en\">"
        );
        let rest =
            format!("<link href=\"{head}a.css\"><script src=\"{head}b.js\"><a href=\"{head}\">");
        assert_eq!(placed, attributes + &rest);
    }
}

#[test]
fn inline_scripts_are_named_and_no_others() {
    // printf 'a()' | openssl dgst -sha256 -binary | base64
    let a = "'sha256-qVpDBgj7bpq5hMAcGp3AOc79J3Y1Z4HvySTwKrWDoy4='";
    for (html, scripts) in [
        ("<html>", "script-src 'self'".to_owned()),
        ("<script data-x=\"src\">a()</script>", format!("script-src 'self' {a}")),
        ("<script type=module src=\"./a.js\"></script>", "script-src 'self'".into()),
        // What stands in a script with a source is not run.
        ("<script src=\"./a.js\">a()</script>", "script-src 'self'".into()),
        ("<script></script><script>a()</script>", format!("script-src 'self' {a}")),
        ("<script>a()</script><script>a()</script>", format!("script-src 'self' {a} {a}")),
    ] {
        let policy = policy::of_page(html);
        assert!(policy.split("; ").any(|part| part == scripts), "{html}: {policy}");
    }
}
