//! Archives that are damaged or mean harm: one fault each, never a panic, never without bound.

use super::build::{ImageBuilder, LayerBuilder, Packing, packed};
use super::*;
use proptest::prelude::*;
use tar::EntryType;

fn fault(archive: &[u8], limits: &Limits) -> Fault {
    match read(archive, &NothingKept, limits) {
        Ok(_) => panic!("it was read"),
        Err(fault) => fault,
    }
}

fn one_layer(layer: LayerBuilder) -> ImageBuilder {
    ImageBuilder::new().layer("RUN x", layer)
}

fn image_of(layer: Vec<u8>) -> Vec<u8> {
    let mut image = ImageBuilder::new();
    image.layers.push(layer);
    image.docker()
}

#[test]
fn paths_that_leave_the_image_are_refused() {
    for path in ["../etc/passwd", "a/../../b", "/..", "./.."] {
        let layer = LayerBuilder::new().raw(path.as_bytes(), EntryType::Regular, 0o644, 0, b"", b"x");
        assert_eq!(
            fault(&one_layer(layer).docker(), &Limits::default()),
            Fault::Escapes(path.as_bytes().to_vec())
        );
    }
    let layer = LayerBuilder::new().hard_link("a", "../../etc/shadow");
    assert!(matches!(fault(&one_layer(layer).docker(), &Limits::default()), Fault::Escapes(_)));
}

#[test]
fn absolute_paths_and_devices_are_entries_of_the_image() {
    let layer = LayerBuilder::new()
        .raw(b"/etc/absolute", EntryType::Regular, 0o644, 0, b"", b"x")
        .raw(b"dev/sda", EntryType::Block, 0o660, 0, b"", b"")
        .symlink("escape", "../../../../etc/absolute");
    let image = read(&one_layer(layer).docker()[..], &NothingKept, &Limits::default()).unwrap();
    assert_eq!(image.text(image.resolve(b"escape").unwrap()), b"etc/absolute");
    assert_eq!(image.file_at(b"dev/sda").map(|entry| entry.kind), Some(Kind::Device));
}

#[test]
fn a_layer_that_is_there_many_times_counts_each_time() {
    let mut image = ImageBuilder::new();
    let layer = (0..10).fold(LayerBuilder::new(), |layer, number| layer.symlink(&format!("l{number}"), "x"));
    image.layers = vec![layer.bytes(); 100];
    let archive = image.docker();
    let limits = |entries| Limits { entries, ..Limits::default() };
    assert_eq!(fault(&archive, &limits(999)), Fault::TooLarge("entries", 999));
    assert!(read(&archive[..], &NothingKept, &limits(1000)).is_ok());
    let hiding = (0..20)
        .fold(LayerBuilder::new(), |layer, _| layer.raw(b".wh.x", EntryType::Regular, 0o644, 0, b"", b""));
    assert_eq!(fault(&one_layer(hiding).docker(), &limits(19)), Fault::TooLarge("entries", 19));
    let mut members = tar::Builder::new(Vec::new());
    for number in 0..101 {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        members.append_link(&mut header, format!("m{number}"), "x").unwrap();
    }
    let few = Limits { layers: 1, ..Limits::default() };
    assert_eq!(fault(&members.into_inner().unwrap(), &few), Fault::TooLarge("members", 100));
}

#[test]
fn links_in_a_circle_lead_nowhere() {
    let mut layer = LayerBuilder::new().symlink("a", "b").symlink("b", "a").symlink("d", "d/d/d/d");
    for number in 0..100 {
        layer = layer.symlink(&format!("chain{number}"), &format!("chain{}", number + 1));
    }
    let image = read(&one_layer(layer).docker()[..], &NothingKept, &Limits::default()).unwrap();
    for path in ["a", "b/x", "d", "chain0"] {
        assert_eq!(image.resolve(path.as_bytes()), Err(Unresolved::Loop), "{path}");
    }
    assert_eq!(image.resolve(b"no/where"), Err(Unresolved::Absent(b"no".to_vec())));
}

#[test]
fn an_archive_cut_anywhere_is_a_fault() {
    let image = one_layer(LayerBuilder::new().file("a", &[7; 3000]).file("b", b"b"));
    for whole in [image.docker(), image.oci(Packing::Gzip), image.oci(Packing::Zstd)] {
        // Two blocks of zeros, and the padding of the last member.
        let end = whole.len() - 1024 - 512;
        for at in (0..end).step_by(97) {
            let found = fault(&whole[..at], &Limits::default());
            assert!(matches!(found, Fault::Truncated | Fault::Inflate), "{at} of {end}: {found:?}");
        }
        // Cut within a member.
        assert_eq!(fault(&whole[..520], &Limits::default()), Fault::Truncated);
    }
    assert_eq!(fault(b"", &Limits::default()), Fault::Truncated);
    assert!(matches!(fault(&[b'x'; 2000], &Limits::default()), Fault::Damaged(_)));
}

#[test]
fn layers_that_inflate_without_end_are_bounded() {
    let limits = Limits { bytes: 1 << 16, ..Limits::default() };
    let layer = LayerBuilder::new().file("zeros", &vec![0; 1 << 19]);
    let image = one_layer(layer);
    for packing in [Packing::Gzip, Packing::Zstd, Packing::Plain] {
        assert!(matches!(fault(&image.oci(packing), &limits), Fault::TooLarge(_, 65_536)), "{packing:?}");
    }
}

/// Zeros without end, and how many of them were asked for.
struct Endless<'c>(&'c std::cell::Cell<u64>);

impl std::io::Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        buffer.fill(0);
        self.0.set(self.0.get() + buffer.len() as u64);
        Ok(buffer.len())
    }
}

#[test]
fn what_follows_the_end_is_read_no_further_than_a_bound() {
    use std::io::Read;
    let image = one_layer(LayerBuilder::new().file("a", b"x")).docker();
    let count = std::cell::Cell::new(0);
    let found = read(image.chain(Endless(&count)), &NothingKept, &Limits::default()).err();
    assert_eq!(found, Some(Fault::TooLarge("bytes behind its end", 16 << 20)));
    assert!(count.get() < 17 << 20, "{}", count.get());
    // Within a layer, where some kilobytes become as many zeros.
    let mut plain = LayerBuilder::new().file("a", b"x").bytes();
    plain.resize(plain.len() + (17 << 20), 0);
    for packing in [Packing::Gzip, Packing::Zstd, Packing::Plain] {
        let found = fault(&image_of(packed(&plain, packing)), &Limits::default());
        assert_eq!(found, Fault::TooLarge("bytes behind its end", 16 << 20), "{packing:?}");
    }
}

#[test]
fn members_of_any_claimed_size_end() {
    let count = std::cell::Cell::new(0);
    let limits = Limits { archive_bytes: 1 << 20, ..Limits::default() };
    for (kind, name) in
        [(EntryType::Regular, "noise"), (EntryType::Fifo, "pipe"), (EntryType::Regular, "a.json")]
    {
        let mut header = tar::Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_entry_type(kind);
        header.set_size(1 << 60);
        header.set_cksum();
        let first: &[u8] = if name == "a.json" { b"{" } else { b"noise" };
        let archive = std::io::Read::chain(&header.as_bytes()[..], first);
        let found = read(std::io::Read::chain(archive, Endless(&count)), &NothingKept, &limits).err();
        assert!(matches!(found, Some(Fault::TooLarge(..))), "{name}: {found:?}");
    }
    assert!(count.get() < 4 << 20, "{}", count.get());
}

#[test]
fn a_long_name_that_never_ends_is_not_held() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(1 << 40);
    header.set_cksum();
    let archive = [&header.as_bytes()[..], &[b'a'; 4096]].concat();
    assert!(matches!(fault(&archive, &Limits::default()), Fault::TooLarge("bytes in a path", _)));
    // Headers before headers, without a member.
    let mut empty = tar::Header::new_gnu();
    empty.set_entry_type(EntryType::XGlobalHeader);
    empty.set_size(0);
    empty.set_cksum();
    let archive = empty.as_bytes().repeat(1000);
    assert_eq!(fault(&archive, &Limits::default()), Fault::Damaged("extended headers without a member"));
}

#[test]
fn too_many_of_anything_is_a_fault() {
    let many = (0..50).fold(LayerBuilder::new(), |layer, at| layer.file(&format!("f{at}"), b""));
    let image = one_layer(many).docker();
    let limits = Limits::default();
    assert_eq!(fault(&image, &Limits { paths: 20, ..limits }), Fault::TooLarge("paths", 20));
    assert_eq!(fault(&image, &Limits { entries: 20, ..limits }), Fault::TooLarge("entries", 20));
    assert_eq!(fault(&image, &Limits { name_bytes: 20, ..limits }), Fault::TooLarge("bytes in names", 20));
    let deep = LayerBuilder::new().file(&"d/".repeat(3000), b"");
    assert!(matches!(fault(&one_layer(deep).docker(), &limits), Fault::TooLarge("bytes in a path", _)));
    let layers = (0..5).fold(ImageBuilder::new(), |image, _| image.layer("", LayerBuilder::new()));
    assert_eq!(fault(&layers.docker(), &Limits { layers: 3, ..limits }), Fault::TooLarge("layers", 3));
}

#[test]
fn unknown_compression_is_told_with_the_layer() {
    let xz = [&[0xfd, b'7', b'z', b'X', b'Z', 0][..], &[1; 600]].concat();
    assert!(
        matches!(fault(&image_of(xz), &Limits::default()), Fault::UnknownCompression(name) if name.ends_with("layer.tar"))
    );
}

#[test]
fn damaged_compressed_data_is_a_fault() {
    for packing in [Packing::Gzip, Packing::Zstd] {
        let mut layer = packed(&LayerBuilder::new().file("a", b"some text").bytes(), packing);
        let middle = layer.len() / 2;
        layer[middle..].fill(0xff);
        let found = fault(&image_of(layer), &Limits::default());
        assert!(
            matches!(found, Fault::Inflate | Fault::Damaged(_) | Fault::Truncated),
            "{packing:?}: {found:?}"
        );
    }
}

#[test]
fn images_for_windows_and_senseless_documents_are_faults() {
    let mut image = one_layer(LayerBuilder::new().folder("Files", 0, 0o755));
    image.os = "windows";
    assert_eq!(fault(&image.docker(), &Limits::default()), Fault::Windows);
    let archive = |members: &[(&str, &str)]| {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    };
    let limits = Limits::default();
    assert_eq!(fault(&archive(&[("a", "{}")]), &limits), Fault::NoManifest);
    let list = r#"[{"Config":"c","Layers":[]}]"#;
    assert_eq!(fault(&archive(&[("manifest.json", list)]), &limits), Fault::Missing("c".into()));
    let found = fault(&archive(&[("manifest.json", list), ("c", "{}")]), &limits);
    assert_eq!(found, Fault::Senseless("c".into(), "rootfs.diff_ids"));
    for senseless in ["[]", "{}", "[{}]", "[[[[", "[1]"] {
        assert!(read(&archive(&[("manifest.json", senseless)])[..], &NothingKept, &limits).is_err());
    }
    for index in ["{}", r#"{"manifests":[]}"#, r#"{"manifests":[{"digest":"sha256:1"}]}"#] {
        assert!(read(&archive(&[("index.json", index)])[..], &NothingKept, &limits).is_err());
    }
    // An index that is its own manifest.
    let own = r#"{"manifests":[{"digest":"sha256:1"}]}"#;
    assert!(
        read(&archive(&[("index.json", own), ("blobs/sha256/1", own)])[..], &NothingKept, &limits).is_err()
    );
}

#[test]
fn a_config_without_history_is_read() {
    let mut image = one_layer(LayerBuilder::new().file("a", b"x"));
    image.history.clear();
    let read = read(&image.docker()[..], &NothingKept, &Limits::default()).unwrap();
    assert_eq!((read.config.steps_of_layers(), read.layers.len()), (None, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_change_of_an_archive_makes_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        form in 0..4,
    ) {
        let layer = LayerBuilder::new().file("a/b", b"content").symlink("l", "a").hard_link("h", "a/b")
            .file(&"long/".repeat(40), b"x").whiteout("a/c");
        let image = one_layer(layer).layer("RUN y", LayerBuilder::new().whiteout("a"));
        let mut archive = match form {
            0 => image.docker(),
            1 => image.oci(Packing::Plain),
            2 => image.oci(Packing::Gzip),
            _ => image.oci(Packing::Zstd),
        };
        for (at, byte) in changes {
            let at = at.index(archive.len());
            archive[at] = byte;
        }
        let limits = Limits { bytes: 1 << 24, ..Limits::default() };
        if let Ok(image) = read(&archive[..], &NothingKept, &limits) {
            let paths: Vec<_> = image.shipped().map(|entry| image.text(entry.path)).collect();
            for path in paths {
                let _ = image.resolve(&path);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        let _ = read(&bytes[..], &NothingKept, &Limits::default());
    }
}
