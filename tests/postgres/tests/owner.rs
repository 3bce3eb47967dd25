//! A process that starts a cluster, prints its folder and the number of the server's process, and
//! waits to be killed.

#![forbid(unsafe_code)]

use throwaway_postgres::Cluster;

fn main() {
    let cluster = Cluster::start().unwrap();
    let data = cluster.folder().join("data");
    let pid = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    println!("{}", cluster.folder().display());
    println!("{}", pid.lines().next().unwrap());
    loop {
        std::thread::park();
    }
}
