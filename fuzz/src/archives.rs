//! Archives: images as engines save them, and those of `ar`.

use imk::image::layers::{Fault, Keep, Kept, Limits, ROOT, SavedImage, read};

/// So little of everything that inputs of some hundred bytes come to each bound.
const LIMITS: Limits = Limits {
    bytes: 16 << 10,
    archive_bytes: 24 << 10,
    tail_bytes: 1 << 10,
    paths: 24,
    entries: 16,
    layers: 4,
    path_bytes: 120,
    name_bytes: 400,
    document_bytes: 2 << 10,
    kept_bytes: 64,
};

/// Something of every file is wanted.
struct All;

impl Keep for All {
    fn wanted(&self, path: &[u8], size: u64) -> Kept {
        Kept { bytes: 8, digest: path.len() as u64 + size & 1 == 0 }
    }
}

/// An archive of tar of the members that `text` tells of, one between NUL bytes: the kind, as in a header, and the mode, a byte each;
/// the name and where a link leads between `>`; the content after a `:`. Checksums are right, as nothing would be read without.
fn tar(text: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    for part in super::parts(text).filter(|part| part.len() > 2).take(24) {
        let (head, rest) = part.split_at(2);
        let colon = rest.iter().position(|byte| *byte == b':').unwrap_or(rest.len());
        let (names, content) = (&rest[..colon], rest.get(colon + 1..).unwrap_or_default());
        let mut names = names.splitn(2, |byte| *byte == b'>');
        let (name, link) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        member(&mut archive, head, name, link, content);
    }
    archive.extend([0; 1024]);
    archive
}

fn member(archive: &mut Vec<u8>, head: &[u8], name: &[u8], link: &[u8], content: &[u8]) {
    let mut header = [0; 512];
    let mut put = |at: usize, length: usize, text: &[u8]| {
        let length = text.len().min(length);
        header[at..at + length].copy_from_slice(&text[..length]);
    };
    put(0, 100, name);
    put(100, 8, format!("{:07o}", u32::from(head[1]) * 17).as_bytes());
    put(108, 8, b"0000001");
    put(116, 8, b"0000001");
    // One length in four is not the content's: too long, too short, or no number.
    let length = match head[1] & 15 {
        0 => content.len() + 512,
        1 => content.len() / 2,
        _ => content.len(),
    };
    let length =
        if head[1] & 15 == 2 { b"77777777777".to_vec() } else { format!("{length:011o}").into_bytes() };
    put(124, 12, &length);
    put(136, 12, b"00000000001");
    put(148, 8, b"        ");
    put(156, 1, &head[..1]);
    put(157, 100, link);
    put(257, 8, if head[1] & 64 == 0 { b"ustar\x0000" } else { b"ustar  \0" });
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend(header);
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
}

/// What must hold of an image that was read: no more than the bounds allow, no path that leaves it, and each look-up ends.
fn hold(image: &SavedImage) {
    assert!(image.layers.len() <= LIMITS.layers);
    assert!(image.all().count() <= LIMITS.entries);
    for entry in image.all() {
        let path = image.text(entry.path);
        assert!(path.split(|byte| *byte == b'/').all(|name| name != b".." && name != b"."), "{path:?}");
        assert!(!path.starts_with(b"/"));
        assert!(image.content(entry).is_none_or(|content| content.len() <= 8));
        if let Ok(found) = image.resolve(&path) {
            assert!(found == ROOT || image.is_present(found));
        }
        if let Some(link) = image.link(entry) {
            let _ = image.resolve(link);
        }
    }
    for (at, path) in image.below(ROOT).into_iter().enumerate() {
        assert!(at < LIMITS.paths && image.is_present(path));
    }
    for layer in 0..image.layers.len() {
        assert!(image.wasted_of(layer) <= image.bytes_of(layer));
    }
    assert!(image.shipped().count() <= LIMITS.paths);
}

/// A saved image: the bytes as they are, or, after a first byte that says so, layers between two NUL bytes and a newline, with the
/// documents that name them.
pub fn layers(data: &[u8]) {
    let Some((form, rest)) = data.split_first() else { return };
    let archive = match form {
        b'r' => rest.to_vec(),
        // Members of the outer archive, documents and all.
        b'm' => tar(rest),
        _ => whole(rest),
    };
    let once = read(&archive[..], &All, &LIMITS);
    if let Ok(image) = &once {
        hold(image);
    }
    // A source that gives a byte at a time, as a pipe may.
    let again = read(Slowly(&archive), &All, &LIMITS);
    // What is read ahead counts as read, so that near to the bound of bytes it depends on how much comes at once what is met first.
    let is_bytes = |fault: Option<&Fault>| matches!(fault, Some(Fault::TooLarge("bytes in its layers", _)));
    if is_bytes(once.as_ref().err()) || is_bytes(again.as_ref().err()) {
        return;
    }
    match (&once, &again) {
        (Ok(once), Ok(again)) => assert!(once.all().eq(again.all())),
        (Err(once), Err(again)) => assert_eq!(once, again),
        _ => panic!("{:?} and {:?}", once.as_ref().err(), again.as_ref().err()),
    }
}

fn whole(text: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut names = Vec::new();
    for (number, layer) in text.split(|byte| *byte == b'\n').take(LIMITS.layers + 1).enumerate() {
        let name = format!("{number}/layer.tar");
        member(&mut archive, b"0\x0f", name.as_bytes(), b"", &tar(layer));
        names.push(name);
    }
    let ids: Vec<String> = names.iter().map(|name| format!("\"sha256:{name}\"")).collect();
    let config = format!("{{\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[{}]}}}}", ids.join(","));
    member(&mut archive, b"0\x0f", b"config.json", b"", config.as_bytes());
    let manifest = format!("[{{\"Config\":\"config.json\",\"Layers\":{names:?}}}]");
    member(&mut archive, b"0\x0f", b"manifest.json", b"", manifest.as_bytes());
    archive.extend([0; 1024]);
    archive
}

struct Slowly<'a>(&'a [u8]);

impl std::io::Read for Slowly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // Odd, so that blocks come in parts, and long enough to get on.
        let length = buffer.len().min(97);
        self.0.read(&mut buffer[..length])
    }
}

/// An archive of `ar`, after its first line where that is missing.
pub fn archive(data: &[u8]) {
    imk::os::archive::hold_members(data);
    imk::os::archive::hold_members(&[b"!<arch>\n", data].concat());
}
