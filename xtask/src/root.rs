//! Where the workspace is.

use std::path::Path;

/// The root of the workspace: the folder above this package.
pub(crate) fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}
