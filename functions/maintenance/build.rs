//! A new migration is a change of this crate, although no file of it says so.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
