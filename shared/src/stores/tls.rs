//! TLS to the stores and to AWS: the server's certificate is always verified, and only against the few certificate
//! authorities that AWS uses.
//!
//! An operating system trusts some 144 authorities. Parsing them takes longer than the rest of a cold start, and any of
//! them could certify a database that is not ours. So the roots are compiled in: five for the endpoints of AWS, and for
//! Postgres one more for the region. `TLS_ROOTS` replaces them for servers outside AWS. `tls/roots/README.md` tells
//! where the certificates come from and how to add one.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::config::{self, Env};

/// The root certificates of Amazon Trust Services in PEM. They certify `ElastiCache`, RDS Proxy and every endpoint of
/// AWS.
pub const AMAZON_ROOTS: &str = include_str!("tls/roots/amazon.pem");

/// The root certificates of RDS and Aurora in PEM: one for each region, below a line `# <region>`.
const RDS_ROOTS: &str = include_str!("tls/roots/rds.pem");

/// The variable with root certificates to trust instead of those above.
const VARIABLE: &str = "TLS_ROOTS";

/// Configures TLS to the endpoints of AWS itself.
///
/// # Panics
/// Never: the certificates are compiled in.
#[must_use]
pub fn config_for_aws() -> ClientConfig {
    config_with(parse_roots(AMAZON_ROOTS).expect("the compiled-in certificates are valid"))
}

/// Configures TLS to Redis. Reads `TLS_ROOTS`: root certificates in PEM, for a server outside AWS.
pub(crate) fn config_for_redis(env: &Env) -> Result<ClientConfig, config::Error> {
    match configured_roots(env)? {
        Some(roots) => Ok(config_with(roots)),
        None => Ok(config_for_aws()),
    }
}

/// Configures TLS to Postgres. Reads `TLS_ROOTS` as [`config_for_redis`] does and, without it, `AWS_REGION`: the
/// authority of RDS differs from region to region, and only the one of this region is trusted.
pub(crate) fn config_for_postgres(env: &Env) -> Result<ClientConfig, config::Error> {
    if let Some(roots) = configured_roots(env)? {
        return Ok(config_with(roots));
    }
    let unknown =
        || config::Error::invalid("AWS_REGION", "is no region whose authority is known; set TLS_ROOTS");
    let regional = rds_root_of(env.required("AWS_REGION")?).ok_or_else(unknown)?;
    let mut roots = parse_roots(AMAZON_ROOTS).expect("the compiled-in certificates are valid");
    roots.extend(parse_roots(regional).expect("the compiled-in certificates are valid").roots);
    Ok(config_with(roots))
}

/// Parses the roots of `TLS_ROOTS`, whose line ends may be written as `\n`; `None` if it is not set.
fn configured_roots(env: &Env) -> Result<Option<RootCertStore>, config::Error> {
    let unusable = || config::Error::invalid(VARIABLE, "holds no usable certificates in PEM");
    let Some(pem) = env.optional(VARIABLE) else { return Ok(None) };
    parse_roots(&pem.replace("\\n", "\n")).map(Some).ok_or_else(unusable)
}

/// Returns the text of [`RDS_ROOTS`] below the line `# <region>`.
fn rds_root_of(region: &str) -> Option<&'static str> {
    let mut sections = RDS_ROOTS.split("# ").filter_map(|section| section.split_once('\n'));
    sections.find_map(|(name, pem)| (name == region).then_some(pem))
}

/// Parses every certificate in `pem`; `None` if there is none, or if one of them is unusable.
fn parse_roots(pem: &str) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.ok()?).ok()?;
    }
    Some(roots).filter(|roots| !roots.is_empty())
}

/// Names the cryptography provider: rustls panics where a process has two and none is named.
fn config_with(roots: RootCertStore) -> ClientConfig {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3");
    config.with_root_certificates(roots).with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_an_authority_of_its_own() {
        let regions: Vec<_> = RDS_ROOTS.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        assert!(regions.is_sorted() && regions.len() > 20, "{regions:?}");
        let mut subjects = std::collections::BTreeSet::new();
        for region in &regions {
            let roots = parse_roots(rds_root_of(region).unwrap()).unwrap();
            assert_eq!(roots.len(), 1, "{region}");
            let subject = String::from_utf8_lossy(&roots.roots[0].subject).into_owned();
            assert!(subject.contains(&format!("Amazon RDS {region} Root CA RSA2048 G1")), "{subject}");
            subjects.insert(subject);
        }
        assert_eq!(subjects.len(), regions.len());
        assert!(rds_root_of("eu-central").is_none() && rds_root_of("").is_none());
    }

    #[test]
    fn amazon_has_five_authorities() {
        assert_eq!(parse_roots(AMAZON_ROOTS).unwrap().len(), 5);
    }

    #[test]
    fn an_unknown_region_or_unusable_roots_are_refused() {
        let starts = |name: &str, value: &str| config_for_postgres(&Env::of([(name, value)])).map(drop);
        assert_eq!(starts("AWS_REGION", "eu-central-1"), Ok(()));
        let unknown = starts("AWS_REGION", "mars-north-1").unwrap_err().to_string();
        assert!(unknown.starts_with("AWS_REGION") && !unknown.contains("mars"), "{unknown}");
        assert_eq!(starts("LOG_LEVEL", "info"), Err(config::Error::Missing("AWS_REGION".into())));
        for nonsense in ["hunter2", "-----BEGIN CERTIFICATE-----\\naGk=\\n-----END CERTIFICATE-----\\n"] {
            let error = starts(VARIABLE, nonsense).unwrap_err().to_string();
            assert!(error.starts_with(VARIABLE) && !error.contains(nonsense), "{error}");
        }
    }

    #[test]
    fn configured_roots_need_no_region_and_may_stand_on_one_line() {
        let one_line = rds_root_of("eu-west-1").unwrap().replace('\n', "\\n");
        let env = Env::of([(VARIABLE, one_line)]);
        assert!(config_for_postgres(&env).is_ok() && config_for_redis(&env).is_ok());
        assert!(!env.asked().contains("AWS_REGION"));
    }
}
