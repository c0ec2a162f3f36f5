//! Pages over lists of texts, whose keys are themselves.

use tonic_types::StatusExt as _;

use super::*;
use crate::proto::v1::{ListAccessRequest, ServiceToken};

/// The names on a page over `rows`, and the token of the next.
fn page(rows: &[&str], size: i32, token: &str) -> (Vec<String>, String) {
    let mut page = Page::of("List", &ListAccessRequest::default(), size, token).unwrap();
    let tell = |row: &&str| ServiceToken { name: (*row).into(), ..Default::default() };
    let taken = page.take(rows.iter(), |row| row.as_bytes().to_vec(), tell);
    (taken.into_iter().map(|token| token.name).collect(), page.next())
}

#[test]
fn pages_tell_each_row_that_stays_exactly_once_whatever_comes_and_goes() {
    let (first, token) = page(&["b", "d", "f", "h"], 2, "");
    assert_eq!(first, ["b", "d"]);
    for (meanwhile, expected) in [
        (&["b", "d", "f", "h"][..], &["f", "h"][..]),
        (&["a", "b", "c", "d", "e", "f", "h"], &["e", "f"]),
        (&["f", "h"], &["f", "h"]),
        (&["b", "d", "h"], &["h"]),
        (&["b", "d"], &[]),
        (&[], &[]),
    ] {
        assert_eq!(page(meanwhile, 2, &token).0, expected, "{meanwhile:?}");
    }
}

#[test]
fn the_last_page_has_no_token_and_a_size_can_change_on_the_way() {
    let rows = ["a", "b", "c", "d", "e"];
    for (sizes, expected) in
        [(&[0][..], 1), (&[5], 1), (&[i32::MAX], 1), (&[2, 2, 2], 3), (&[1, 4], 2), (&[4, 0], 2)]
    {
        let (mut seen, mut token, mut pages) = (vec![], String::new(), 0);
        for size in sizes {
            let (names, next) = page(&rows, *size, &token);
            (seen, token, pages) = ([seen, names].concat(), next, pages + 1);
        }
        assert_eq!((seen.len(), token.as_str(), pages), (5, "", expected), "{sizes:?}");
    }
}

#[test]
fn a_page_ends_before_it_is_too_large_and_one_row_alone_is_a_page() {
    let (large, huge) = ("x".repeat(BYTES_MAX / 3), "y".repeat(BYTES_MAX * 2));
    let rows = [large.as_str(), "xy", "xz", &huge, "z"];
    let (mut token, mut pages) = (String::new(), vec![]);
    for _ in 0..10 {
        let (names, next) = page(&rows, 0, &token);
        pages.push(names.len());
        token = next;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, [3, 1, 1]);
}

#[test]
fn a_token_for_something_else_is_refused() {
    let (_, token) = page(&["a", "b"], 1, "");
    let asked = ListAccessRequest::default();
    let other = ListAccessRequest { since_ms: Some(7), ..asked.clone() };
    for (list, rest, token) in [
        ("Other", &asked, token.as_str()),
        ("List", &other, &token),
        ("List", &asked, &token[..8]),
        ("List", &asked, "no token"),
        ("List", &asked, "AAAA"),
    ] {
        let failure = Page::of(list, rest, 0, token).err().expect(token);
        assert_eq!(failure.code(), tonic::Code::InvalidArgument);
        let info = failure.get_details_error_info().unwrap();
        assert_eq!(info.reason, "PAGE_TOKEN_UNFIT", "{list} {token}");
    }
    assert!(Page::of("List", &asked, 0, &token).is_ok());
    assert!(Page::of("List", &asked, -1, "").is_err());
}
