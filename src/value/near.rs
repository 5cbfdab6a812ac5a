//! Finds the word that was probably meant.

/// The longest word that is compared with others, in bytes: comparing takes time proportional to the product of
/// both lengths.
const LONGEST_WORD: usize = 200;

/// The one of `words` that was probably meant by `word`.
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let comparable = |word: &str| word.len() <= LONGEST_WORD;
    words
        .into_iter()
        .filter(|candidate| comparable(word) && comparable(candidate))
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))
        .map(|(_, candidate)| candidate)
}
