//! Random values for a stack that lives on one machine.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::rand::{SecureRandom, SystemRandom};

use crate::{Error, Result};

/// 32 letters and digits: 128 bits in hexadecimal, safe in URLs, SQL and configuration files.
pub(crate) fn token() -> Result<String> {
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes()?)))
}

/// 32 random bytes in base64.
pub(crate) fn key() -> Result<String> {
    Ok(STANDARD.encode(bytes::<32>()?))
}

/// A number below `end`, close enough to uniform for choosing a port.
pub(crate) fn below(end: u16) -> Result<u16> {
    Ok(u16::from_be_bytes(bytes()?) % end)
}

pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Error::new("the system has no random numbers to give"))?;
    Ok(bytes)
}
