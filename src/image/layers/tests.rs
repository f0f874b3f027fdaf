//! Images read back: every form of archive and layer, names, links, whiteouts.

use super::build::{ImageBuilder, LayerBuilder, Packing};
use super::*;
use tar::EntryType;

struct All;

impl Keep for All {
    fn wanted(&self, _: &[u8], _: u64) -> Kept {
        Kept { bytes: 1024, digest: true }
    }
}

fn read_all(archive: &[u8]) -> SavedImage {
    read(archive, &All, &Limits::default()).unwrap_or_else(|fault| panic!("{}", fault.message()))
}

fn shipped(image: &SavedImage) -> Vec<String> {
    let mut paths: Vec<String> =
        image.shipped().map(|entry| String::from_utf8(image.text(entry.path)).unwrap()).collect();
    paths.sort();
    paths
}

fn sample() -> ImageBuilder {
    let long = format!("opt/{}/file", "long-name/".repeat(20));
    let base = LayerBuilder::new()
        .folder("./etc", 0, 0o755)
        .file("./etc/passwd", b"root:x:0:0::/root:/bin/sh\n")
        .file("./etc/gone", b"0123456789")
        .file("./cache/a", b"aa")
        .file("./cache/deep/b", b"bbb")
        .program("./usr/bin/python3.11")
        .symlink("./usr/bin/python3", "python3.11")
        .symlink("./bin", "usr/bin");
    let upper = LayerBuilder::new()
        .file(&long, b"long")
        .whiteout("etc/gone")
        .file("cache/.wh..wh..opq", b"")
        .file("cache/c", b"c")
        .file("etc/passwd", b"app:x:7:7::/:/bin/sh\n")
        .hard_link("etc/passwd-", "etc/passwd");
    ImageBuilder::new().layer("ADD base", base).layer("RUN change", upper)
}

#[test]
fn every_form_gives_the_same_image() {
    let image = sample();
    let long = format!("opt/{}file", "long-name/".repeat(20));
    let mut wanted = vec![
        "bin",
        "cache/c",
        "etc",
        "etc/passwd",
        "etc/passwd-",
        &long,
        "usr/bin/python3",
        "usr/bin/python3.11",
    ];
    wanted.sort();
    let mut archives = vec![image.docker()];
    archives.extend([Packing::Plain, Packing::Gzip, Packing::Zstd].map(|packing| image.oci(packing)));
    for archive in archives {
        let read = read_all(&archive);
        assert_eq!(shipped(&read), wanted);
        let passwd = read.file_at(b"/etc/passwd").unwrap();
        assert_eq!(read.content(passwd), Some(&b"app:x:7:7::/:/bin/sh\n"[..]));
        assert_eq!(passwd.layer, 1);
        let link = read.file_at(b"etc/passwd-").unwrap();
        assert_eq!((link.kind, read.digest(link)), (Kind::HardLink, read.digest(passwd)));
        assert_eq!(read.text(read.resolve(b"/bin/python3").unwrap()), b"usr/bin/python3.11");
        // passwd of the base (26), gone (10), a (2) and b (3) ship and are not seen.
        assert_eq!((read.wasted_of(0), read.wasted_of(1)), (26 + 10 + 2 + 3, 0));
        assert_eq!(read.config.history[1].created_by, "RUN change");
        assert_eq!(read.config.steps_of_layers(), Some(vec![0, 1]));
        assert!(read.layers[0].diff_id.starts_with("sha256:"));
    }
}

#[test]
fn members_of_an_archive_may_be_links_to_each_other() {
    // docker writes a layer once, and links to it where a second image or layer has it too.
    let mut archive = tar::Builder::new(Vec::new());
    let layer = LayerBuilder::new().file("a", b"1").bytes();
    let mut add = |kind: EntryType, name: &str, link: &str, content: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        if !link.is_empty() {
            header.set_link_name(link).unwrap();
        }
        archive.append_data(&mut header, name, content).unwrap();
    };
    let config = serde_json::json!({ "rootfs": { "diff_ids": ["x", "y"] } }).to_string();
    let manifest = serde_json::json!([{ "Config": "c.json", "Layers": ["1/layer.tar", "2/layer.tar"] }]);
    add(EntryType::Regular, "manifest.json", "", manifest.to_string().as_bytes());
    add(EntryType::Symlink, "1/layer.tar", "../2/layer.tar", b"");
    add(EntryType::Regular, "2/layer.tar", "", &layer);
    add(EntryType::Regular, "c.json", "", config.as_bytes());
    let read = read_all(&archive.into_inner().unwrap());
    assert_eq!(read.layers.len(), 2);
    assert_eq!((read.file_at(b"a").unwrap().layer, read.wasted_of(0)), (1, 1));
}

#[test]
fn a_hidden_file_ships_on_under_its_other_name() {
    let first = LayerBuilder::new().file("a", b"12345").hard_link("b", "a").file("c", b"123");
    let second = LayerBuilder::new().whiteout("a").whiteout("c");
    let read = read_all(&ImageBuilder::new().layer("", first).layer("", second).docker());
    assert_eq!(shipped(&read), ["b"]);
    assert_eq!((read.wasted_of(0), read.bytes()), (3, 8));
    assert_eq!(read.content_at(b"b"), Some(&b"12345"[..]));
}

#[test]
fn a_file_in_a_folders_place_hides_what_is_in_it() {
    let first = LayerBuilder::new().file("a/b/c", b"1").file("a/d", b"2");
    let second = LayerBuilder::new().file("a", b"3");
    let third = LayerBuilder::new().folder("a", 0, 0o755).file("a/e", b"4");
    let image = ImageBuilder::new().layer("", first).layer("", second).layer("", third);
    let read = read_all(&image.docker());
    assert_eq!(shipped(&read), ["a", "a/e"]);
    assert!(read.resolve(b"a/b").is_err());
    assert_eq!((read.wasted_of(0), read.wasted_of(1)), (2, 1));
}

#[test]
fn a_whiteout_hides_lower_layers_alone() {
    // Whiteouts and new files of one layer come in any order.
    let first = LayerBuilder::new().file("d/old", b"1");
    let second = LayerBuilder::new().file("d/new", b"2").whiteout("d/new").file("d/.wh..wh..opq", b"");
    let read = read_all(&ImageBuilder::new().layer("", first).layer("", second).docker());
    assert_eq!(shipped(&read), ["d/new"]);
}

#[test]
fn long_names_and_values_with_newlines_in_pax_headers_are_read() {
    let name = format!("{}/capable", "n".repeat(150));
    let mut layer = tar::Builder::new(Vec::new());
    let records: [(&str, &[u8]); 4] = [
        ("SCHILY.xattr.security.capability", b"\x01\n\x00=\n"),
        ("path", name.as_bytes()),
        ("mtime", b"1234.5"),
        ("uid", b"70000"),
    ];
    layer.append_pax_extensions(records).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(2);
    header.set_mode(0o4755);
    header.set_cksum();
    layer.append(&header, &b"hi"[..]).unwrap();
    let mut image = ImageBuilder::new();
    image.layers.push(layer.into_inner().unwrap());
    let read = read_all(&image.docker());
    let entry = read.file_at(name.as_bytes()).unwrap();
    assert_eq!((entry.mtime, entry.uid, entry.mode, entry.size), (1234, 70000, 0o4755, 2));
    assert_eq!(read.config.steps_of_layers(), None);
}
