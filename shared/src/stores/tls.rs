//! TLS to the stores and to AWS: always verified, and only against the few authorities that certify AWS.
//!
//! A system trusts some 144 authorities. Parsing them takes longer than the rest of a cold start, and any of them could
//! vouch for a database that isn't ours. `tls/roots/README.md` says where those here come from.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::config::{self, Env};

/// Authorities of Amazon Trust Services in PEM: they certify `ElastiCache`, RDS Proxy and every endpoint of AWS.
pub const AMAZON: &str = include_str!("tls/roots/amazon.pem");

/// The authorities of RDS and Aurora, one for each region, headed by its name.
const RDS: &str = include_str!("tls/roots/rds.pem");

/// Names authorities to trust instead of those above.
const ROOTS: &str = "TLS_ROOTS";

/// How to speak to AWS itself.
///
/// # Panics
/// Never: the certificates are those of this room.
#[must_use]
pub fn to_aws() -> ClientConfig {
    trusting(roots_in(AMAZON).expect("the certificates of this room are sound"))
}

/// How to speak to Redis. Reads `TLS_ROOTS`: certificates in PEM, for a server that is not AWS's.
pub(crate) fn to_redis(env: &Env) -> Result<ClientConfig, config::Error> {
    match own_roots(env)? {
        Some(roots) => Ok(trusting(roots)),
        None => Ok(to_aws()),
    }
}

/// How to speak to Postgres. Reads `TLS_ROOTS` as [`to_redis`] does and, without it, `AWS_REGION`: the authority of
/// RDS differs from region to region, and only the one of this region is trusted.
pub(crate) fn to_postgres(env: &Env) -> Result<ClientConfig, config::Error> {
    if let Some(roots) = own_roots(env)? {
        return Ok(trusting(roots));
    }
    let unknown =
        || config::Error::invalid("AWS_REGION", "is no region whose authority is known; set TLS_ROOTS");
    let regional = of_region(env.required("AWS_REGION")?).ok_or_else(unknown)?;
    let mut roots = roots_in(AMAZON).expect("the certificates of this room are sound");
    roots.extend(roots_in(regional).expect("the certificates of this room are sound").roots);
    Ok(trusting(roots))
}

fn own_roots(env: &Env) -> Result<Option<RootCertStore>, config::Error> {
    let unusable = || config::Error::invalid(ROOTS, "holds no usable certificates in PEM");
    let Some(pem) = env.optional(ROOTS) else { return Ok(None) };
    roots_in(&pem.replace("\\n", "\n")).map(Some).ok_or_else(unusable)
}

/// What stands in the file below the heading `# region`, up to the next one.
fn of_region(region: &str) -> Option<&'static str> {
    let mut sections = RDS.split("# ").filter_map(|section| section.split_once('\n'));
    sections.find_map(|(name, pem)| (name == region).then_some(pem))
}

/// Every certificate in `pem`; `None` if there is none, or one that is unusable.
fn roots_in(pem: &str) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.ok()?).ok()?;
    }
    Some(roots).filter(|roots| !roots.is_empty())
}

/// Names its provider, so that another one in the process can't make it ambiguous, which panics.
fn trusting(roots: RootCertStore) -> ClientConfig {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3");
    config.with_root_certificates(roots).with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_an_authority_of_its_own() {
        let regions: Vec<_> = RDS.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        assert!(regions.is_sorted() && regions.len() > 20, "{regions:?}");
        let mut subjects = std::collections::BTreeSet::new();
        for region in &regions {
            let roots = roots_in(of_region(region).unwrap()).unwrap();
            assert_eq!(roots.len(), 1, "{region}");
            let subject = String::from_utf8_lossy(&roots.roots[0].subject).into_owned();
            assert!(subject.contains(&format!("Amazon RDS {region} Root CA RSA2048 G1")), "{subject}");
            subjects.insert(subject);
        }
        assert_eq!(subjects.len(), regions.len());
        assert!(of_region("eu-central").is_none() && of_region("").is_none());
    }

    #[test]
    fn five_authorities_certify_what_is_not_a_database() {
        assert_eq!(roots_in(AMAZON).unwrap().len(), 5);
    }

    #[test]
    fn a_region_that_is_not_known_or_roots_that_are_none_end_the_start() {
        let starts = |name: &str, value: &str| to_postgres(&Env::of([(name, value)])).map(drop);
        assert_eq!(starts("AWS_REGION", "eu-central-1"), Ok(()));
        let unknown = starts("AWS_REGION", "mars-north-1").unwrap_err().to_string();
        assert!(unknown.starts_with("AWS_REGION") && !unknown.contains("mars"), "{unknown}");
        assert_eq!(starts("LOG_LEVEL", "info"), Err(config::Error::Missing("AWS_REGION".into())));
        for nonsense in ["hunter2", "-----BEGIN CERTIFICATE-----\\naGk=\\n-----END CERTIFICATE-----\\n"] {
            let error = starts(ROOTS, nonsense).unwrap_err().to_string();
            assert!(error.starts_with(ROOTS) && !error.contains(nonsense), "{error}");
        }
    }

    #[test]
    fn roots_of_ones_own_need_no_region_and_may_stand_on_one_line() {
        let one_line = of_region("eu-west-1").unwrap().replace('\n', "\\n");
        let env = Env::of([(ROOTS, one_line)]);
        assert!(to_postgres(&env).is_ok() && to_redis(&env).is_ok());
        assert!(!env.asked().contains("AWS_REGION"));
    }
}
