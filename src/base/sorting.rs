//! Lists put in order where speed is no matter. The standard library's sort is some 9 KB of code for each type of element; this is
//! as much once, and little for each type. Knows nothing of what is sorted.

use std::cmp::Ordering;

/// Sorts `list` as `compare` says; what is equal keeps its order.
pub fn sort_by<T>(list: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut places = places(list.len(), &|one, other| compare(&list[one], &list[other]));
    for at in 0..list.len() {
        while places[at] != at {
            let to = places[at];
            list.swap(at, to);
            places.swap(at, to);
        }
    }
}

/// Sorts `list` by what `key` says of each; what is equal keeps its order.
pub fn sort_by_key<T, K: Ord>(list: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(list, |one, other| key(one).cmp(&key(other)));
}

/// Sorts `list`; what is equal keeps its order.
pub fn sort<T: Ord>(list: &mut [T]) {
    sort_by(list, T::cmp);
}

/// Where each of `count` elements goes.
#[inline(never)]
fn places(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&one, &other| compare(one, other));
    let mut places = vec![0; count];
    for (place, &at) in order.iter().enumerate() {
        places[at] = place;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_the_standard_library(list in prop::collection::vec((0..9u8, 0..99u8), 0..80)) {
            let (mut own, mut expected) = (list.clone(), list.clone());
            sort_by_key(&mut own, |pair| pair.0);
            expected.sort_by_key(|pair| pair.0);
            prop_assert_eq!(&own, &expected);
            sort(&mut own);
            expected.sort();
            prop_assert_eq!(&own, &expected);
        }
    }
}
