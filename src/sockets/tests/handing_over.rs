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
        let _new = open(&sockets, "new", &at);
        drop(old);
        drop(handed_over);
        assert_eq!(owner(&sockets), "new");
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

#[test]
fn another_instance_of_the_same_service_gets_the_port_that_the_first_was_given() {
    for any_port in [tcp("127.0.0.1:0"), Endpoint::Udp("127.0.0.1:0".parse().unwrap())] {
        let sockets = Sockets::new();
        let old = open(&sockets, "fast", &any_port);
        for undone in [true, false] {
            let handed_over = sockets.hand_over(&[path("fast")]);
            let new = open(&sockets, "fast", &any_port);
            assert_eq!(new.endpoint(), old.endpoint());
            if undone {
                drop(new);
                drop(handed_over);
                assert_eq!(owner(&sockets), "fast");
            } else {
                let at = old.endpoint().clone();
                drop(old);
                drop(handed_over);
                assert_eq!(open(&sockets, "fast", &any_port).endpoint(), &at);
                assert!(refused(&sockets, "other", &at).contains("the service fast"));
                break;
            }
        }
    }
}

#[test]
fn a_service_of_another_group_gets_only_what_is_handed_over() {
    let sockets = Sockets::new();
    let (group, other) = (path("g1"), path("g2"));
    let lend = |service: &ServicePath, at: &Endpoint| {
        sockets.open(service, at, &ListenOptions::default()).map(Option::unwrap)
    };
    let old = lend(&group.child("fast"), &tcp("127.0.0.1:0")).unwrap();
    let stays = lend(&group.child("faster"), &tcp("127.0.0.1:0")).unwrap();
    for undone in [true, false] {
        let handed_over = sockets.hand_over(&[group.child("fast")]);
        let error = lend(&other.child("fast"), stays.endpoint()).unwrap_err().to_string();
        assert!(error.contains("the service g1.faster already listens on it"), "{error}");
        let new = lend(&other.child("fast"), old.endpoint()).unwrap();
        if undone {
            drop(new);
            drop(handed_over);
            let kept = sockets.keep(&group);
            let error = lend(&other.child("fast"), old.endpoint()).unwrap_err().to_string();
            assert!(error.contains("the service g1.fast already listens on it"), "{error}");
            drop(kept);
        } else {
            let handed_over = (old, handed_over);
            drop(handed_over);
            let kept = sockets.keep(&other);
            let at = new.endpoint().clone();
            drop(new);
            sockets.close_unwanted();
            assert_eq!(lend(&other.child("fast"), &at).unwrap().endpoint(), &at);
            drop(kept);
            break;
        }
    }
}

#[test]
fn a_socket_that_is_not_used_by_a_new_service_is_closed() {
    let sockets = Sockets::new();
    let old = open(&sockets, "old", &tcp("127.0.0.1:0"));
    let address = old.endpoint().address().unwrap();
    let handed_over = sockets.hand_over(&[path("old")]);
    drop(old);
    assert!(accepts(address), "clients wait until the change is made");
    drop(handed_over);
    assert!(!accepts(address) && sockets.list().is_empty());
}

#[test]
fn only_the_last_one_that_closes_refuses_clients() {
    let sockets = Sockets::new();
    let old = open(&sockets, "fast", &tcp("127.0.0.1:0"));
    let handed_over = sockets.hand_over(&[path("fast")]);
    let new = open(&sockets, "fast", old.endpoint());
    assert_eq!(old.close(), Later::AnotherUser);
    assert_eq!(new.close(), Later::WhoeverIsNext, "it is handed over");
    drop(handed_over);
    let kept = sockets.keep(&path("fast"));
    assert_eq!(new.close(), Later::WhoeverIsNext, "it will be started again");
    drop(kept);
    assert_eq!(new.close(), Later::Nobody, "the old one takes nobody");
}

#[test]
fn what_the_last_one_has_closed_can_be_had_by_any_service() {
    let sockets = Sockets::new();
    let old = open(&sockets, "old", &tcp("127.0.0.1:0"));
    assert_eq!(old.close(), Later::Nobody);
    let new = open(&sockets, "new", old.endpoint());
    drop(old);
    assert_eq!(owner(&sockets), "new");
    assert_eq!(new.close(), Later::Nobody);
}

#[test]
fn a_port_that_can_t_be_used_is_not_taken_from_others_that_use_it() {
    let (sockets, any_port) = (Sockets::new(), tcp("127.0.0.1:0"));
    let old = open(&sockets, "fast", &any_port);
    let address = old.endpoint().address().unwrap();
    let unusable = open(&sockets, "fast", &any_port);
    assert_eq!(unusable.endpoint(), old.endpoint());
    sockets.discard(unusable);
    assert!(accepts(address));
    assert_eq!(owner(&sockets), "fast");
    assert_ne!(open(&sockets, "fast", &any_port).endpoint(), old.endpoint());
}
