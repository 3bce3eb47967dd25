# A cache in front of feed-server.
vcl 4.1;

backend feed_server {
    .host = "127.0.0.1";
    .port = "3000";
    # Longer than the longest wait (30 s) and than the silence between heartbeats (15 s).
    .first_byte_timeout = 75s;
    .between_bytes_timeout = 75s;
}

sub vcl_recv {
    # feed-server trusts whoever reaches it over loopback, and this proxy does.
    if (req.method != "GET" && req.method != "HEAD") {
        return (synth(403));
    }
    # For those who run the server, and who ask it itself.
    if (req.url ~ "^/(metrics|readyz)([?]|$)") {
        return (synth(403));
    }
    # Long polls and streams are one client's own.
    if (req.http.Prefer ~ "(?i)(^|[,;\s])wait\s*=" || req.http.Accept ~ "(?i)text/event-stream") {
        return (pass);
    }
    # Feeds know no cookies, and a host page's would keep every request from the cache.
    unset req.http.Cookie;
    # Links are relative, so that one copy serves every name of this server.
    return (hash);
}

sub vcl_hash {
    hash_data(req.url);
    return (lookup);
}

sub vcl_backend_response {
    # The current document is fresh for a second. Varnish would go on serving it for ten more.
    set beresp.grace = 0s;
    # What has gone stale is kept, to be validated by its ETag.
    set beresp.keep = 30d;
}
