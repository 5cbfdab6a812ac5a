use super::*;

#[test]
fn a_service_has_no_more_places_than_it_may() {
    let permits = Permits::new(Some(2), Descriptors::new(), 1);
    let taken = [permits.try_permit().unwrap(), permits.try_permit().unwrap()];
    assert!(permits.try_permit().is_none());
    drop(taken);
    assert!(permits.try_permit().is_some());
}

#[test]
fn services_share_the_descriptors_of_the_process() {
    let descriptors = Descriptors::new();
    let (one, other) =
        (Permits::new(None, descriptors.clone(), 2), Permits::new(None, descriptors.clone(), 1));
    let total = descriptors.total();
    let taken: Vec<Permit> = std::iter::from_fn(|| one.try_permit()).collect();
    assert_eq!((taken.len(), one.max()), (total / 2 + 1, total / 2 + 1));
    let rest: Vec<Permit> = std::iter::from_fn(|| other.try_permit()).collect();
    assert_eq!(rest.len(), total % 2 + 1, "one permit is always its own");
}
