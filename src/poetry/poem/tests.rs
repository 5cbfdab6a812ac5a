use super::*;
use crate::chain::chain;
use crate::config;
use crate::service::{Application, ReloadMode, Resources, Workers};

#[tokio::test]
async fn its_status_says_how_many_bytes_came_from_where() {
    let mut application = Application::new("test");
    let file = std::env::current_dir().unwrap().join("poetry/ecstasy.txt");
    application.add("loaded", Poem::from_file(&file)).unwrap();
    application.add("built-in", Poem::built_in()).unwrap();
    application.start(&Resources::new(), Workers::current()).await.unwrap();
    let bytes = BUILT_IN_POEM.len();
    for (path, origin) in
        [("loaded", file.display().to_string()), ("built-in", "the program itself".into())]
    {
        let report = application.tree().report(&path.parse().unwrap()).unwrap();
        assert_eq!(report.status, Some(format!("{bytes} bytes from {origin}")));
    }
    application.stop(Instant::now()).await.unwrap();
}

#[tokio::test]
async fn a_reload_reads_the_file_again_and_changes_nothing_if_that_fails() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let with_poem = || {
        let mut application = Application::new("test");
        config::add(&mut application, "poem", PoemSettings::new(Some(file.path().into()))).unwrap();
        application
    };
    std::fs::write(file.path(), "old").unwrap();
    let mut application = with_poem();
    application.start(&Resources::new(), Workers::current()).await.unwrap();
    let poem: PoemHandle = application
        .services()
        .inspect("poem", |service| service.handle().unwrap().value().unwrap())
        .unwrap();
    let tree = application.tree().clone();
    let reload = || tree.reload(with_poem(), ReloadMode::Change);

    assert!(reload().await.unwrap().is_empty());
    std::fs::write(file.path(), "newer").unwrap();
    let report = reload().await.unwrap();
    let text = format!("5 bytes from {}", file.path().display());
    assert_eq!(report.updated, [("poem".parse().unwrap(), text.clone())]);
    let status = tree.report(&"poem".parse().unwrap()).unwrap().status;
    assert_eq!((&*poem.get().unwrap(), status), (&b"newer"[..], Some(text)));

    std::fs::remove_file(file.path()).unwrap();
    let failed = chain(&reload().await.unwrap_err());
    let expected = format!("can't load the poem {}: ", file.path().display());
    assert!(failed.contains(&expected), "{failed}");
    assert_eq!(&*poem.get().unwrap(), b"newer");
    application.stop(Instant::now()).await.unwrap();
}
