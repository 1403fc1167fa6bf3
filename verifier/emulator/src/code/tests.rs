use std::io::Write;

use serde_json::json;

use super::*;

fn store(folder: &Path) -> CodeStore {
    CodeStore::new(CodeConfig { template_folder: folder.to_owned(), ..CodeConfig::default() })
}

#[test]
fn an_object_is_the_asset_that_the_manifest_says_or_a_file_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = json!({"files": {
        "other": {"source": {"path": "asset.other"}, "destinations": {"a": {"objectKey": "other.zip"}}},
        "worker": {"source": {"path": "asset.worker"}, "destinations": {"a": {"objectKey": "abc.zip"}}},
    }});
    fs::write(folder.path().join("S.assets.json"), manifest.to_string()).unwrap();
    fs::write(folder.path().join("T.assets.json"), "no manifest").unwrap();
    fs::write(folder.path().join("packed.zip"), "").unwrap();
    let store = store(folder.path());
    assert_eq!(store.of_object("abc.zip"), Some(folder.path().join("asset.worker")));
    assert_eq!(store.of_object("a/b/packed.zip"), Some(folder.path().join("packed.zip")));
    assert_eq!(store.of_object("nope.zip"), None);
}

#[test]
fn code_is_a_folder_an_archive_or_the_text_itself() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    let archive = fs::File::create(folder.path().join("code.zip")).unwrap();
    let mut archive = zip::ZipWriter::new(archive);
    archive.start_file("inner/index.js", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(b"exports.handler = 1").unwrap();
    archive.finish().unwrap();
    let store = store(folder.path());
    let of = |place| store.folder("F", &place, "index.js");
    let real = fs::canonicalize(folder.path()).unwrap();
    assert_eq!(of(CodePlace::Path("./src".to_owned())).unwrap(), real.join("src"));
    let unzipped = of(CodePlace::Path("code.zip".to_owned())).unwrap();
    let text = |path: PathBuf| fs::read_to_string(path).unwrap();
    assert_eq!(text(unzipped.join("inner/index.js")), "exports.handler = 1");
    let inline = of(CodePlace::Inline("exports.handler = 2".to_owned())).unwrap();
    assert_eq!(text(inline.join("index.js")), "exports.handler = 2");
    let own = store.own_folder().unwrap();
    assert!(unzipped.starts_with(&own) && inline.starts_with(&own) && unzipped != inline);
    for (place, words) in [
        (CodePlace::Path("nope".to_owned()), "--code F=PATH"),
        (CodePlace::Path("T.txt".to_owned()), "--code F=PATH"),
        (CodePlace::Object("k.zip".to_owned()), "in a bucket, as k.zip"),
    ] {
        fs::write(folder.path().join("T.txt"), "no archive").unwrap();
        let refused = of(place).unwrap_err();
        assert!(refused.contains(words), "{refused}");
    }
    drop(store);
    assert!(!own.exists(), "nothing is left behind");
}

#[test]
fn what_the_user_names_is_taken_in_place_of_what_the_template_says() {
    let folder = tempfile::tempdir().unwrap();
    let given = BTreeMap::from([("F".to_owned(), folder.path().to_owned())]);
    let store = CodeStore::new(CodeConfig { given, ..CodeConfig::default() });
    let found = store.folder("F", &CodePlace::Inline("x".to_owned()), "index.js");
    assert_eq!(found.unwrap(), fs::canonicalize(folder.path()).unwrap());
}
