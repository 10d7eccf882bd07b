//! Takes the two files of Swagger UI that `/docs` serves out of its vendored release, compressed as they lie there.
//!
//! A ZIP entry and a gzip member hold the same DEFLATE stream and differ in what stands around it (APPNOTE 4.3,
//! RFC 1952 §2.3), so nothing is unpacked here.

use std::path::Path;

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as RELEASE;

const FILES: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

/// A gzip header that says nothing: DEFLATE, no name, no time, no system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[expect(clippy::disallowed_methods, reason = "how cargo tells a build script where to write")]
    let folder = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    for file in FILES {
        let member = gzip_member(&format!("/dist/{file}")).expect("the release holds the file, deflated");
        std::fs::write(Path::new(&folder).join(format!("{file}.gz")), member)
            .expect("OUT_DIR can be written");
    }
}

/// The entry whose name ends like this, as a gzip member.
fn gzip_member(name: &str) -> Option<Vec<u8>> {
    // The end record (4.3.16) has a comment of unknown length behind it.
    let end = RELEASE.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let mut at = number(end + 16, 4)?;
    for _ in 0..number(end + 10, 2)? {
        let [name_length, extra, comment] = [28, 30, 32].map(|field| number(at + field, 2));
        let name_length = name_length?;
        if RELEASE.get(at + 46..at + 46 + name_length)?.ends_with(name.as_bytes()) {
            return rewrap(at);
        }
        at += 46 + name_length + extra? + comment?;
    }
    None
}

/// The entry that the directory header at `at` describes (4.3.12): method, CRC-32 and sizes stand there.
fn rewrap(at: usize) -> Option<Vec<u8>> {
    const DEFLATED: usize = 8;
    let (method, size, local) = (number(at + 10, 2)?, number(at + 20, 4)?, number(at + 42, 4)?);
    let data = local + 30 + number(local + 26, 2)? + number(local + 28, 2)?;
    let deflated = RELEASE.get(data..data + size).filter(|_| method == DEFLATED)?;
    let (checksum, length) = (RELEASE.get(at + 16..at + 20)?, RELEASE.get(at + 24..at + 28)?);
    Some([&GZIP_HEADER, deflated, checksum, length].concat())
}

/// The little-endian number of `width` bytes at `at`.
fn number(at: usize, width: usize) -> Option<usize> {
    let bytes = RELEASE.get(at..at + width)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}
