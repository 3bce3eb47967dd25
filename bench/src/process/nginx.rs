//! nginx, which serves files.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::net::TcpStream;

use super::Process;

/// An nginx that answers.
#[derive(Debug)]
pub(crate) struct Nginx {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// As distributions ship it, but without a log of accesses, since feed-server keeps none, and with
/// connections that live as long as the load.
const CONFIG: &str = "\
worker_processes auto;
daemon off;
error_log error.log;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    gzip_static on;
    gzip_vary on;
    default_type application/atom+xml;
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
    add_header Cache-Control 'public, max-age=31536000, immutable';
";

/// Whether nginx opens a file for each request, as it does unless told otherwise, or keeps it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    Opened,
    KeptOpen,
}

impl Nginx {
    /// Where nginx is, if it is installed. Its folder is often not in the path of users.
    pub(crate) fn find() -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders =
            std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(Into::into));
        folders.map(|folder| folder.join("nginx")).find(|file| file.is_file())
    }

    /// Serves the files of a folder.
    pub(crate) async fn start(binary: &Path, folder: &Path, files: Files) -> Result<Self> {
        // nginx cannot say which port it was given, so it is told a free one.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut config = CONFIG.to_owned();
        if rustix::process::geteuid().is_root() {
            // Its workers would otherwise be a user who must not look into our folder.
            config.insert_str(0, "user root;\n");
        }
        if files == Files::KeptOpen {
            config.push_str("    open_file_cache max=100;\n");
        }
        let root = folder.display();
        config.insert_str(0, &format!("pid nginx-{port}.pid;\n"));
        config.push_str(&format!("    server {{ listen {address}; root '{root}'; }}\n}}\n"));
        let config_file = folder.join(format!("nginx-{port}.conf"));
        fs::write(&config_file, config)?;
        let mut command = Command::new(binary);
        command.arg("-p").arg(folder).arg("-c").arg(&config_file).arg("-e").arg("error.log");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // The one that is started ends its workers.
        let process = Process::spawn(&mut command, Signal::TERM)?;
        let nginx = Self { process, address };
        tokio::time::timeout(Duration::from_secs(10), nginx.answers()).await.with_context(
            || {
                let log = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
                format!("nginx does not answer: {}", log.trim())
            },
        )?;
        Ok(nginx)
    }

    async fn answers(&self) {
        while TcpStream::connect(self.address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
