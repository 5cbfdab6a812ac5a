use super::*;
use std::fs;

#[test]
fn two_names_of_a_file_have_one_id_and_another_file_has_another() {
    let directory = tempfile::tempdir().unwrap();
    let [first, link, other] = ["first", "link", "other"].map(|name| directory.path().join(name));
    fs::write(&first, "").unwrap();
    fs::hard_link(&first, &link).unwrap();
    fs::write(&other, "").unwrap();
    let id = |path| FileId::of(&fs::metadata(path).unwrap());
    assert_eq!(id(&first), id(&link));
    assert_ne!(id(&first), id(&other));
}

#[test]
fn a_descriptor_has_the_id_of_its_file() {
    let file = tempfile::tempfile().unwrap();
    let by_metadata = FileId::of(&file.metadata().unwrap());
    assert_eq!(FileId::of_descriptor(&file).unwrap(), by_metadata);
}
