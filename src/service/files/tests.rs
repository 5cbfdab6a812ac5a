use super::*;

#[test]
fn names_are_inside_the_root() {
    let jail = Files::new(Some("/jail".into()), "/srv".into());
    assert_eq!(jail.find(Path::new("poem")), Path::new("/jail/srv/poem"));
    assert_eq!(jail.find(Path::new("/poem")), Path::new("/jail/poem"));
    let free = Files::new(None, "srv".into());
    assert_eq!(free.find(Path::new("poem")), Path::new("srv/poem"));
    assert_eq!(free.find(Path::new("/poem")), Path::new("/poem"));
}
