//! One row for each rule about the page that `gateway.controlUi` names.

use std::{fs, path::Path};

use super::{errors, load_text, shown};

/// A directory with a page, one without, and one whose page is no file.
fn directories() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["page", "empty", "odd/index.html"] {
        fs::create_dir_all(dir.path().join(name)).unwrap();
    }
    fs::write(dir.path().join("page/index.html"), "<html>").unwrap();
    dir
}

fn text(dir: &Path, control_ui: &str) -> String {
    let control_ui = control_ui.replace("DIR", &dir.display().to_string());
    format!("{{gateway: {{controlUi: {control_ui}}}}}")
}

#[test]
fn a_page_is_served_if_the_root_names_one_and_nothing_switches_it_off() {
    let dir = directories();
    for (control_ui, expected) in [
        ("{}", None),
        ("{root: 'DIR/page'}", Some("")),
        ("{root: 'DIR/page', enabled: true}", Some("")),
        ("{root: 'DIR/page', enabled: false}", None),
        // What is not served need not be there.
        ("{root: 'DIR/empty', enabled: false}", None),
        ("{root: 'DIR/page', basePath: ''}", Some("")),
        ("{root: 'DIR/page', basePath: '/'}", Some("")),
        ("{root: 'DIR/page', basePath: 'openclaw'}", Some("/openclaw")),
        ("{root: 'DIR/page', basePath: '/openclaw/'}", Some("/openclaw")),
        ("{root: 'DIR/page', basePath: '/a/b-c_d.e~f'}", Some("/a/b-c_d.e~f")),
    ] {
        let loaded = load_text(&text(dir.path(), control_ui)).unwrap();
        assert_eq!(loaded.warnings, [], "{control_ui}");
        let found = loaded.settings.control_ui;
        let base_path = found.as_ref().map(|ui| ui.base_path.as_str());
        assert_eq!(base_path, expected, "{control_ui}");
        if let Some(ui) = found {
            assert_eq!(ui.root, dir.path().join("page"));
        }
    }
}

#[test]
fn what_cannot_be_served_stops_the_start_and_says_why() {
    let dir = directories();
    let missing = "root: must be a directory with an index.html, such as dist/control-ui of the \
                   npm package openclaw: index.html cannot be read: ";
    let path = "basePath: must be a path such as \"/openclaw\", of letters, digits and -._~";
    for (control_ui, expected) in [
        ("{root: 'DIR/nothing'}", format!("{missing}No such file or directory (os error 2)")),
        ("{root: 'DIR/empty'}", format!("{missing}No such file or directory (os error 2)")),
        ("{root: 'DIR/page/index.html'}", format!("{missing}Not a directory (os error 20)")),
        ("{root: 'DIR/odd'}", "root: its index.html is no file".into()),
        ("{root: 'page'}", "root: must be an absolute path".into()),
        ("{root: 7}", "root: must be a string, but is a number".into()),
        ("{enabled: 'no'}", "enabled: must be true or false, but is a string".into()),
        ("{basePath: '/a//b'}", path.into()),
        ("{basePath: '/../b'}", path.into()),
        ("{basePath: '/a b'}", path.into()),
        ("{basePath: '/\"><script>'}", path.into()),
    ] {
        let found = errors(load_text(&text(dir.path(), control_ui)));
        assert_eq!(found, [format!("doorward.json:1: gateway.controlUi.{expected}")]);
    }
}

#[test]
fn a_page_that_is_wanted_and_not_named_is_warned_about() {
    let warnings = load_text("{gateway: {controlUi: {enabled: true}}}").unwrap().warnings;
    let says = "doorward.json:1: gateway.controlUi.enabled: nothing is served: \
                gateway.controlUi.root names no page";
    assert_eq!(shown(&warnings), [says]);
}
