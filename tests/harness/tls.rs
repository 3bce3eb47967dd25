//! A private certificate authority, and what it certifies.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// An authority that nobody knows.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A listener whose connections are encrypted.
pub struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    ///
    /// When there is no randomness for its key.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        Self { issuer }
    }

    /// Writes its certificate to a file, in PEM.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write_to(&self, path: &Path) {
        std::fs::write(path, self.issuer.pem()).expect("the file can be written");
    }

    /// Encrypts the connections of a listener, with a certificate for 127.0.0.1.
    ///
    /// # Panics
    ///
    /// When there is no randomness for its key.
    #[must_use]
    pub fn over(&self, listener: TcpListener) -> TlsListener {
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the versions of the library")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("the key is that of the certificate");
        TlsListener { listener, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            // Who does not trust the certificate leaves.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
