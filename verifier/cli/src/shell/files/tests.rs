//! The ways of a file, and that there is no other.

use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use super::*;

fn write_report(path: &Path, content: &[u8]) -> io::Result<()> {
    Target::named(path).write_report(content)
}

/// The sources of this program without their tests: path and code.
pub(crate) fn sources() -> Vec<(String, String)> {
    fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let path = entry.display().to_string();
            if entry.is_dir() {
                collect(&entry, found);
            } else if !["tests.rs", "stand.rs", "sample.rs", "hostile.rs"]
                .iter()
                .any(|name| path.ends_with(name))
            {
                let text = fs::read_to_string(&entry).unwrap();
                let marks = ["", "pub(super) ", "pub(crate) "]
                    .map(|seen| format!("\n#[cfg(test)]\n{seen}mod tests {{"));
                let end = marks.iter().find_map(|mark| text.find(mark.as_str()));
                let code = &text[..end.unwrap_or(text.len())];
                found.push((path, code.to_owned()));
            }
        }
    }
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 50);
    found
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn with_mode(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_file_is_written_here() {
    for (path, code) in sources() {
        // A journal that is gone on with is opened, locked and cut off where it is.
        let known = "OpenOptions::new().read(true).append(true).open(path)";
        let code = if path.ends_with("journal.rs") { code.replacen(known, "", 1) } else { code };
        let code = code.replace("JournalFile::create", "");
        for line in code.lines().filter(|line| !line.starts_with("use ")) {
            let writes = [
                "File::create",
                "File::options",
                "fs::write",
                "OpenOptions",
                "fs::rename",
                "fs::copy",
                "create_dir_all",
                "tempfile",
                "generate_to",
            ];
            let is_here = path.ends_with("shell/files.rs") || path.contains("shell/files/");
            assert!(is_here || !writes.iter().any(|each| line.contains(each)), "{path}: {line}");
        }
    }
}

#[test]
fn every_file_is_read_here() {
    for (path, code) in sources() {
        for line in code.lines().filter(|_| !path.contains("shell/files")) {
            let reads = ["fs::read(", "fs::read_to_string(", "File::open("];
            assert!(!reads.iter().any(|each| line.contains(each)), "{path}: {line}");
        }
    }
}

#[test]
fn a_report_is_replaced_whole_and_keeps_its_permissions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.html");
    write_report(&path, b"new").unwrap();
    assert_eq!(mode(&path) & 0o600, 0o600);
    for kept in [0o640, 0o604, 0o600] {
        with_mode(&path, "old", kept);
        check(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write_report(&path, b"new").unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"new".to_vec(), kept));
    }
    assert_eq!(names(folder.path()), ["r.html"]);
}

#[test]
fn what_is_private_is_the_users_alone_whatever_it_was_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    write_private(&path, b"new").unwrap();
    assert_eq!(mode(&path), 0o600);
    with_mode(&path, "old", 0o666);
    write_private(&path, b"new").unwrap();
    assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"new".to_vec(), 0o600));
    let journal = create_private(&folder.path().join("journal")).unwrap();
    assert_eq!(journal.metadata().unwrap().mode() & 0o777, 0o600);
    assert!(create_private(&path).is_err());
}

#[test]
fn links_are_followed_to_their_end_which_is_replaced_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    fs::create_dir(&here).unwrap();
    fs::create_dir(&there).unwrap();
    with_mode(&there.join("target"), "old", 0o640);
    symlink("../there/second", here.join("first")).unwrap();
    symlink("target", there.join("second")).unwrap();
    write_report(&here.join("first"), b"new").unwrap();
    assert_eq!(fs::read(there.join("target")).unwrap(), b"new");
    assert_eq!(mode(&there.join("target")), 0o640);
    // One that dangles makes what it names.
    symlink("../there/made", here.join("dangling")).unwrap();
    write_report(&here.join("dangling"), b"new").unwrap();
    assert_eq!(fs::read(there.join("made")).unwrap(), b"new");
    assert_eq!(names(&here), ["dangling", "first"]);
    assert_eq!(names(&there), ["made", "second", "target"]);
    for link in ["first", "dangling"] {
        assert!(fs::symlink_metadata(here.join(link)).unwrap().is_symlink(), "{link}");
    }
    symlink("b", here.join("a")).unwrap();
    symlink("a", here.join("b")).unwrap();
    symlink("/nowhere/x", here.join("nowhere")).unwrap();
    for bad in ["a", "nowhere"] {
        assert!(check(&here.join(bad)).is_err(), "{bad}");
        assert!(write_report(&here.join(bad), b"new").is_err(), "{bad}");
    }
}

#[test]
fn a_seeded_partial_file_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, precious) = (folder.path().join("r.html"), folder.path().join("precious"));
    fs::write(&precious, "precious").unwrap();
    symlink(&precious, folder.path().join("r.html.partial")).unwrap();
    write_report(&path, b"new").unwrap();
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
}

#[test]
fn pipes_devices_and_sockets_are_written_to_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let copy = folder.path().join("copy");
    let mut cat = Command::new("cat");
    let mut reader = cat.arg(&pipe).stdout(File::create(&copy).unwrap()).spawn().unwrap();
    let long = vec![b'x'; 300_000];
    assert!(is_special(&pipe));
    check(&pipe).unwrap();
    write_report(&pipe, &long).unwrap();
    assert!(reader.wait().unwrap().success());
    assert_eq!(fs::read(&copy).unwrap(), long);
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    write_report(Path::new("/dev/null"), b"x").unwrap();
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    let full = write_report(Path::new("/dev/full"), b"x").unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    let socket = folder.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    // Whoever listens is not told that somebody has asked.
    check(&socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    listener.set_nonblocking(false).unwrap();
    write_report(&socket, b"said").unwrap();
    let said = io::read_to_string(listener.accept().unwrap().0).unwrap();
    assert_eq!(said, "said");
    drop(listener);
    assert_eq!(check(&socket).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    let datagrams = folder.path().join("datagrams");
    let _bound = UnixDatagram::bind(&datagrams).unwrap();
    assert!(check(&datagrams).is_err());
    assert_eq!(names(folder.path()), ["copy", "datagrams", "pipe", "socket"]);
}

#[test]
fn an_open_descriptor_is_appended_to_and_not_replaced() {
    use std::os::fd::AsRawFd;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("opened");
    let mut file = File::options().append(true).create(true).open(&path).unwrap();
    file.write_all(b"before ").unwrap();
    let number = file.as_raw_fd();
    for name in [format!("/dev/fd/{number}"), format!("/proc/self/fd/{number}")] {
        check(Path::new(&name)).unwrap();
        write_report(Path::new(&name), b"more ").unwrap();
    }
    file.write_all(b"after").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "before more more after");
    assert!(matches!(place(Path::new("/dev/stdout")), Ok(Place::Standard(1))));
    assert!(check(Path::new("/dev/fd/987")).is_err());
}

#[test]
fn what_cannot_be_written_is_found_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "kept").unwrap();
    let missing = folder.path().join("missing/r");
    let below = file.join("r");
    for bad in [
        missing.as_path(),
        &below,
        folder.path(),
        Path::new("/proc/r"),
        Path::new(""),
        Path::new(".."),
    ] {
        assert!(check(bad).is_err(), "{}", bad.display());
        assert!(write_report(bad, b"x").is_err(), "{}", bad.display());
        assert!(check_new(bad).is_err(), "{}", bad.display());
    }
    let slash = format!("{}/new/", folder.path().display());
    assert!(check(Path::new(&slash)).is_err());
    assert_eq!(check_new(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    check_new(&folder.path().join("new")).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"kept");
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn a_draft_replaces_nothing_and_knows_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let draft = |text: &[u8]| {
        let mut draft = Draft::beside(&path).unwrap();
        draft.add(text).unwrap();
        draft
    };
    // Kept open, so that its number is not given to the next.
    let (_open, made) = draft(b"1").become_new_and_stay_open(&path).unwrap();
    assert!(draft(b"2").become_new(&path).is_err());
    assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"1".to_vec(), 0o600));
    check_same(&path, &made).unwrap();
    fs::rename(&path, folder.path().join("theirs")).unwrap();
    assert!(check_same(&path, &made).is_err());
    fs::write(&path, "theirs").unwrap();
    assert!(check_same(&path, &made).is_err());
    assert_eq!(names(folder.path()), ["backup", "theirs"]);
}

#[test]
fn a_pipe_that_nobody_reads_does_not_hold_up_an_append_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    check_append(&pipe).unwrap();
    let regular = folder.path().join("regular");
    check_append(&regular).unwrap();
    append(&regular, b"a").unwrap();
    append(&regular, b"b").unwrap();
    assert_eq!(fs::read(&regular).unwrap(), b"ab");
    let link = folder.path().join("link");
    symlink(&regular, &link).unwrap();
    append(&link, b"c").unwrap();
    assert_eq!(fs::read(&regular).unwrap(), b"abc");
}

/// Only the superuser can make what is another's.
#[test]
fn what_is_another_users_gets_nothing_that_is_for_the_caller_alone() {
    const ANOTHER: u32 = 65_534;
    if caller() != 0 {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (pipe, file) = (folder.path().join("pipe"), folder.path().join("file"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::write(&file, "theirs").unwrap();
    for path in [&pipe, &file] {
        std::os::unix::fs::chown(path, Some(ANOTHER), None).unwrap();
        let refused = write_private(path, b"mine").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    }
    // A report goes to files of others, which keep their owner, and to no pipe of theirs.
    for refused in
        [check(&pipe), check_append(&pipe), append(&pipe, b"mine"), write_report(&pipe, b"mine")]
    {
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
    assert_eq!(check_private(&pipe).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    assert_eq!(fs::read(&file).unwrap(), b"theirs");
    // One in a folder for everybody is not followed.
    let (open, link) = (folder.path().join("open"), folder.path().join("open/link"));
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o1777)).unwrap();
    symlink(&file, &link).unwrap();
    std::os::unix::fs::lchown(&link, Some(ANOTHER), None).unwrap();
    assert_eq!(append(&link, b"mine").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    assert_eq!(check_append(&link).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn a_new_file_takes_the_place_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("new"), folder.path().join("link"));
    write_new(&path, b"first", Readers::AsBefore).unwrap();
    assert_eq!(
        write_new(&path, b"x", Readers::User).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    symlink("nowhere", &link).unwrap();
    assert_eq!(
        write_new(&link, b"x", Readers::User).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(names(folder.path()), ["link", "new"]);
}
