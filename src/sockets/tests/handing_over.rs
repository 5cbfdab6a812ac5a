//! Sockets that a service leaves to another one.

use super::*;

/// Addresses that nobody else uses. The Unix socket is in `directory`.
fn any_ports(directory: &tempfile::TempDir) -> [Endpoint; 3] {
    let unix = Endpoint::Unix(directory.path().join("socket"));
    [tcp("127.0.0.1:0"), Endpoint::Udp("127.0.0.1:0".parse().unwrap()), unix]
}

fn owner(sockets: &Sockets) -> String {
    let list = sockets.list();
    assert_eq!(list.len(), 1);
    list[0].service.to_string()
}

#[test]
fn it_belongs_to_the_new_service_until_that_is_undone() {
    let directory = tempfile::tempdir().unwrap();
    for asked in any_ports(&directory) {
        let sockets = Sockets::new();
        let old = open(&sockets, "old", &asked);
        let at = old.endpoint().clone();
        assert!(refused(&sockets, "new", &at).contains("the service old already listens on it"));
        let handed_over = sockets.hand_over(&[path("old")]);
        let new = open(&sockets, "new", &at);
        assert_eq!(owner(&sockets), "new");
        assert!(!old.is_held_alone() && !new.is_held_alone());
        assert!(refused(&sockets, "third", &at).contains("the service new already listens on it"));
        drop(new);
        assert_eq!(owner(&sockets), "old");
        drop(handed_over);
        assert!(refused(&sockets, "new", &at).contains("the service old already listens on it"));
    }
}

#[test]
fn it_belongs_to_the_new_service_when_the_old_one_has_given_it_back() {
    let directory = tempfile::tempdir().unwrap();
    for asked in any_ports(&directory) {
        let sockets = Sockets::new();
        let old = open(&sockets, "old", &asked);
        let at = old.endpoint().clone();
        let handed_over = sockets.hand_over(&[path("old")]);
        let new = open(&sockets, "new", &at);
        drop(old);
        drop(handed_over);
        assert_eq!(owner(&sockets), "new");
        assert!(new.is_held_alone());
        assert!(refused(&sockets, "old", &at).contains("the service new already listens on it"));
        if let Endpoint::Unix(file) = &at {
            assert!(file.exists(), "the old one has removed the file of the new one");
        }
    }
}

#[test]
fn an_address_that_overlaps_it_is_still_refused() {
    let sockets = Sockets::new();
    let old = open(&sockets, "old", &tcp("127.0.0.1:0"));
    let _handed_over = sockets.hand_over(&[path("old")]);
    let port = old.endpoint().address().unwrap().port();
    let error = refused(&sockets, "new", &tcp(&format!("0.0.0.0:{port}")));
    assert!(error.contains("which the service old listens on"), "{error}");
}
