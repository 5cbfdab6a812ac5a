use super::*;

#[derive(Debug, thiserror::Error)]
#[error("can't open the shop")]
struct Outer(#[source] Middle);

#[derive(Debug, thiserror::Error)]
#[error("no key: {0}")]
struct Middle(#[source] std::io::Error);

#[derive(Debug, thiserror::Error)]
#[error("over and over")]
struct Endless;

#[test]
fn every_cause_is_there_once() {
    let error = Outer(Middle(std::io::Error::other("the dog ate it")));
    assert_eq!(chain(&error), "can't open the shop: no key: the dog ate it");
}

#[test]
fn an_error_without_a_cause_is_its_own_text() {
    assert_eq!(chain(&Endless), "over and over");
}
